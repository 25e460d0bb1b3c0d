"""All guards of safety, in the order of the architecture's rules."""

from __future__ import annotations

from tests.guards.judging import JUDGING
from tests.guards.sending import SENDING

GUARDS = (*SENDING, *JUDGING)
