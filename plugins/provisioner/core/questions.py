"""Options of which nobody knows whether they are on: what an answer to a list left open, and how it is asked again.

A list that was in doubt and is then refused as a mixed one tells nothing of its options: any of them may have been
changed by the first sending. Known state learns nothing from it; each option is asked for again by itself.

It is not core/distrust.py: a question belongs to one open plan, is written in the commit that closes the list and is
asked one option a request, since this platform refuses mixed lists; what was to be activated is activated even if it is
no longer wanted, so that the guard judges its removal as any other. Distrust is told by a run to many accounts, covers
boxes and accounts too, outlives plans, and is asked in lists: what is wanted is given again, the rest taken again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from provisioner.core.model import AccountState, ActivateOptions, Command, Option, SuspendOptions
from provisioner.core.packing import pack_options, unpack_options

_ON, _OFF = "on:", "off:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Options in question: those of lists *to_activate* and those of lists *to_suspend*."""

    to_activate: frozenset[Option] = frozenset()
    to_suspend: frozenset[Option] = frozenset()

    @classmethod
    def of(cls, command: Command, *, in_doubt: bool) -> Questions:
        """Return what the refusal of *command* as a mixed list leaves open.

        A list to be suspended leaves it open even where it was sent once: some of its options are off at Tucano and
        on in known state. One to be activated that was sent once was not applied, and what is known stays true.
        """
        match command:
            case SuspendOptions(distributor=distributor, options=options):
                return cls(to_suspend=frozenset((distributor, option) for option in options))
            case ActivateOptions(distributor=distributor, options=options) if in_doubt:
                return cls(to_activate=frozenset((distributor, option) for option in options))
            case _:
                return NO_QUESTIONS

    @classmethod
    def unpack(cls, packed: Iterable[str]) -> Questions:
        """Return the questions that *packed* texts name."""
        texts = list(packed)
        return cls(
            to_activate=unpack_options(text.removeprefix(_ON) for text in texts if text.startswith(_ON)),
            to_suspend=unpack_options(text.removeprefix(_OFF) for text in texts if text.startswith(_OFF)),
        )

    def pack(self) -> list[str]:
        """Return them as sorted texts, 'on:distributor:option' or 'off:distributor:option'."""
        on = [_ON + text for text in pack_options(self.to_activate)]
        return sorted([*on, *(_OFF + text for text in pack_options(self.to_suspend))])

    def __bool__(self) -> bool:
        """Tell whether anything is open."""
        return bool(self.to_activate or self.to_suspend)

    def __or__(self, other: Questions) -> Questions:
        """Return both."""
        return Questions(
            to_activate=self.to_activate | other.to_activate, to_suspend=self.to_suspend | other.to_suspend
        )

    def ask(self, target: AccountState, known: AccountState) -> tuple[AccountState, AccountState]:
        """Return the target and the known state whose difference asks all of it again.

        What is wanted is activated whatever is known, so that nobody stays dark. What was to be activated and is no
        longer wanted is activated all the same, as the resend of a request in doubt would do: then it is known to be
        on, and goes by the guard like any other removal. What is still to be suspended is still known, and goes too.
        """
        options = target.options | self.to_activate
        asked = self.to_activate | (self.to_suspend & options)
        return replace(target, options=options), replace(known, options=known.options - asked)


NO_QUESTIONS = Questions()
