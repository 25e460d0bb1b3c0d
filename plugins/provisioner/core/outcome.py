"""What an answer means: one table, and what known state learns from it.

Already so is success, and only what decision 9 lists is already so. Silence is not refusal: what may have
been applied is UNKNOWN until the same number is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from provisioner.core.model import (
    AccountState,
    ActivateOptions,
    AddMaterial,
    Command,
    CreateAccount,
    RemoveMaterial,
    SuspendOptions,
)
from provisioner.core.plan import apply
from provisioner.core.wire import Answer as Answer, ErrorCode, Verdict, name_of

# What a refusal is about. One about something else than its command was meant for another request: a proxy mixed up two
# connections, or an answer came twice. UNKNOWN_ACCOUNT and INVALID_REQUEST may be said of any.
_OF_OPTIONS: Final = frozenset(
    {ErrorCode.UNKNOWN_OPTION, ErrorCode.OPTION_ALREADY_ACTIVE, ErrorCode.OPTION_NOT_ACTIVE}
)
_OF_MATERIALS: Final = frozenset(
    {
        ErrorCode.MATERIAL_ALREADY_REGISTERED,
        ErrorCode.MATERIAL_REGISTERED_ELSEWHERE,
        ErrorCode.UNKNOWN_MATERIAL,
    }
)
_OF_ACCOUNTS: Final = frozenset({ErrorCode.ACCOUNT_EXISTS})
MEANT_FOR_ANOTHER: Final[Mapping[type[Command], frozenset[ErrorCode]]] = {
    CreateAccount: _OF_OPTIONS | _OF_MATERIALS,
    ActivateOptions: _OF_ACCOUNTS | _OF_MATERIALS,
    SuspendOptions: _OF_ACCOUNTS | _OF_MATERIALS,
    AddMaterial: _OF_ACCOUNTS | _OF_OPTIONS,
    RemoveMaterial: _OF_ACCOUNTS | _OF_OPTIONS,
}

# Our code for a refusal that names none.
NO_ERROR_CODE: Final = "NO_ERROR_CODE"

# Decision 9, whole: the refusal that means "it is as you ask", by command.
ALREADY_SO: Final[Mapping[type[Command], ErrorCode]] = {
    CreateAccount: ErrorCode.ACCOUNT_EXISTS,
    ActivateOptions: ErrorCode.OPTION_ALREADY_ACTIVE,
    SuspendOptions: ErrorCode.OPTION_NOT_ACTIVE,
    AddMaterial: ErrorCode.MATERIAL_ALREADY_REGISTERED,
    RemoveMaterial: ErrorCode.UNKNOWN_MATERIAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFailure:
    """No answer came. *sent* False only where provably not one byte of the request left."""

    sent: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """Done, now or before. *already*: everything that was asked for already was so."""

    already: bool = False
    reference_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Refused; nothing was applied. *forget_account*: Tucano does not know the account: plan it anew."""

    error_code: str
    error_description: str | None = None
    forget_account: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions:
    """Refused because *some* options already were so: close as REJECTED, then send them one by one."""

    error_code: str
    error_description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Send the same number again, *after* seconds (None: by our back-off).

    *maybe_applied* True: the platform did not say that nothing was applied, so keep it UNKNOWN meanwhile.
    *reached* False: the request never left.
    """

    after: float | None
    maybe_applied: bool
    reached: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """It may have been applied: ask again under the same number before anything else of the account."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unauthorised:
    """The credentials are refused: stop the run. Nothing was applied."""

    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberUsed:
    """Tucano had another request under this number, and nothing was applied: our numbers went back. Stop the run."""

    error_code: str
    error_description: str | None = None


Outcome: TypeAlias = Completed | Rejected | SplitOptions | Retry | Unknown | Unauthorised | NumberUsed


def classify(command: Command, answer: Answer | TransportFailure, *, in_doubt: bool = False) -> Outcome:
    """Return what *answer* to *command* means. Total: every answer has exactly one outcome.

    *in_doubt*: the request was sent before and may have been applied then. Only the platform's verdict settles it; a
    redirect or a 4xx, of a proxy as a rule, refuses this sending and says nothing of the earlier one.
    """
    match answer:
        case TransportFailure(sent=False, reason=reason):
            return Retry(after=None, maybe_applied=False, reached=False, reason=reason)
        case TransportFailure(reason=reason):
            return Unknown(reason=reason)
        case Answer(status=401 | 403):
            return Unauthorised(status=answer.status)
        case Answer(status=429):
            return Retry(after=answer.retry_after, maybe_applied=False, reached=True, reason="HTTP 429")
        case Answer(status=503, retry_after=float() | int()):
            return Retry(after=answer.retry_after, maybe_applied=True, reached=True, reason="HTTP 503")
        case Answer(status=200, verdict=Verdict.ACCEPTED):
            return Completed(already=_all_already(command, answer), reference_number=answer.reference_number)
        case Answer(status=200, verdict=Verdict.REJECTED):
            return _refusal(command, answer)
        case Answer(status=200):
            return Unknown(reason="HTTP 200 with a body that is not the contract's")
        case Answer(status=409) if not in_doubt:
            return NumberUsed(error_code="HTTP_409", error_description=answer.error_description)
        case Answer(status=status) if 300 <= status < 500 and not in_doubt:
            return Rejected(error_code=f"HTTP_{status}", error_description=answer.error_description)
        case Answer(status=status):  # other 5xx, a 2xx the contract does not have, a 4xx to what is in doubt
            return Unknown(reason=f"HTTP {status}")


def _refusal(command: Command, answer: Answer) -> Outcome:
    code = answer.error_code or NO_ERROR_CODE
    if code in MEANT_FOR_ANOTHER[type(command)]:
        return Unknown(reason=f"{code} answers another request than {name_of(command)}")
    if code == ALREADY_SO[type(command)]:
        several = isinstance(command, ActivateOptions | SuspendOptions) and len(command.options) > 1
        # A platform may say so of a mixed list: its word counts only for the options it names.
        if several and not _all_already(command, answer):
            return SplitOptions(error_code=code, error_description=answer.error_description)
        return Completed(already=True, reference_number=answer.reference_number)
    return Rejected(
        error_code=code,
        error_description=answer.error_description,
        forget_account=code == ErrorCode.UNKNOWN_ACCOUNT and not isinstance(command, CreateAccount),
    )


def _all_already(command: Command, answer: Answer) -> bool:
    return isinstance(command, ActivateOptions | SuspendOptions) and answer.already >= set(command.options)


def learn(known: AccountState, command: Command, outcome: Outcome) -> AccountState:
    """Return the known state of the account after *outcome*: what was acknowledged, and nothing else.

    ACCOUNT_EXISTS teaches that the account exists, not what it holds; UNKNOWN_ACCOUNT that it holds nothing.
    """
    match outcome:
        case Completed():
            return apply(known, command)
        case Rejected(forget_account=True):
            return AccountState()
        case _:
            return known
