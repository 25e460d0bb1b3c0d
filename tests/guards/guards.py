"""All guards of safety, in the order of the architecture's rules."""

from __future__ import annotations

from tests.guards.answering import ANSWERING
from tests.guards.bounding import BOUNDING
from tests.guards.claiming import CLAIMING
from tests.guards.doors import DOORS
from tests.guards.extracting import EXTRACTING
from tests.guards.judging import JUDGING
from tests.guards.keeping import KEEPING
from tests.guards.measuring import MEASURING
from tests.guards.owning import OWNING
from tests.guards.proving import PROVING
from tests.guards.rights import RIGHTS
from tests.guards.sending import SENDING

GUARDS = tuple(
    sorted(
        (
            *(*RIGHTS, *DOORS, *SENDING, *OWNING, *CLAIMING, *JUDGING, *EXTRACTING, *MEASURING),
            *(*ANSWERING, *BOUNDING, *KEEPING, *PROVING),
        ),
        key=lambda guard: [int(part) for part in guard.section.split(".")],
    )
)
