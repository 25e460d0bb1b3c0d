"""All guards of safety, in the order of the architecture's rules."""

from __future__ import annotations

from tests.guards.answering import ANSWERING
from tests.guards.claiming import CLAIMING
from tests.guards.doors import DOORS
from tests.guards.extracting import EXTRACTING
from tests.guards.judging import JUDGING
from tests.guards.keeping import KEEPING
from tests.guards.rights import RIGHTS
from tests.guards.sending import SENDING

GUARDS = (*RIGHTS, *DOORS, *SENDING, *CLAIMING, *JUDGING, *EXTRACTING, *ANSWERING, *KEEPING)
