"""How much the property tests try: enough to find what they are for, in a few seconds altogether."""

from __future__ import annotations

from hypothesis import settings

# No deadline: on a busy machine a slow example says nothing about the code.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("quick")
