"""Why an account is as it is, in words: what becomes of each service and box, and the one sentence that answers.

Nothing is decided here: each service and box is put to the rules of core/desired.py by itself, and what they answer is
told. So an explanation cannot differ from what is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from provisioner.core import desired
from provisioner.core.model import (
    ACTIVE_SERVICE,
    ACTIVE_SUBSCRIPTION,
    ENDED_SUBSCRIPTION,
    PROVISIONED_TYPES,
    AccountState,
    Command,
    InstalledItem,
    LifeCycleState,
    Provider,
    Service,
    SubscriptionState,
)
from provisioner.core.packing import pack_materials, pack_options

# How a state or a thing is meant, for the eye and for the ear: good, bad, warn, or plain.
GOOD, BAD, WARN, PLAIN = "good", "bad", "warn", "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Becomes:
    """What a service or a box becomes at Tucano: *things* as they are packed, or none; and *because*."""

    things: tuple[str, ...] = ()
    because: str
    tone: str = PLAIN


def of_service(state: SubscriptionState, service: Service, provider: Provider) -> Becomes:
    """Tell what *service*, of a subscription in *state*, becomes."""
    wanted = desired.desired_options(state, [service], provider)
    if wanted.fault is not None:
        return Becomes(because=f"breaks a rule: it {wanted.fault.problem}", tone=BAD)
    if wanted.unmapped:
        return Becomes(
            because="has no option in the provider file: nothing is given for it, nothing taken from the account",
            tone=BAD,
        )
    if wanted.options:
        options = sorted({option for _, option in wanted.options})
        return Becomes(
            things=tuple(pack_options(wanted.options)), because=f"option {', '.join(options)}", tone=GOOD
        )
    return Becomes(because=_why_no_option(state, service, provider))


def _why_no_option(state: SubscriptionState, service: Service, provider: Provider) -> str:
    if state not in ACTIVE_SUBSCRIPTION:
        return f"nothing: the subscription is {state}, not Active"
    if service.type not in PROVISIONED_TYPES:
        return f"nothing: a service of type {service.type} is never provisioned"
    if service.state not in ACTIVE_SERVICE:
        return f"nothing: the service is {service.state}, not Active"
    header = provider.services.get(service.bundle) if service.bundle is not None else None
    if header is not None and header.covers_components:
        return f"nothing by itself: its bundle {service.bundle} is one option"
    return "nothing: the provider file gives it no option (a bundle's header, or not provisioned)"


def of_item(state: SubscriptionState, item: InstalledItem, provider: Provider) -> Becomes:
    """Tell what an installed *item*, of a subscription in *state*, becomes."""
    wanted = desired.desired_materials(state, [item], provider)
    if wanted.fault is not None:
        return Becomes(because=f"breaks a rule: it {wanted.fault.problem}", tone=BAD)
    if wanted.unmapped:
        return Becomes(
            because="its type has no material type in the provider file: it is not registered, "
            "and nothing is taken from the account",
            tone=BAD,
        )
    if wanted.materials:
        (box,) = wanted.materials
        return Becomes(
            things=tuple(pack_materials(wanted.materials)),
            because=f"a box of type {box.material_type}",
            tone=GOOD,
        )
    if wanted.kept:
        return Becomes(because=f"kept where it is registered, not added: the subscription is {state}")
    if state in ENDED_SUBSCRIPTION:
        return Becomes(because=f"nothing: the subscription is {state}, which has ended")
    if state not in ACTIVE_SUBSCRIPTION and provider.settings.remove_material_on_deactivation:
        return Becomes(because=f"nothing: the subscription is {state}, and boxes are removed then")
    return Becomes(because="nothing: the provider file does not register this type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that Tucano refused when something was last sent for the account."""

    request_number: str
    command: str
    error_code: str
    error_description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that the one sentence follows from. *state* is None where the CRM has no such subscription (any more)."""

    subscription_number: str
    account: str
    provider: Provider
    state: SubscriptionState | None
    rejected_because: str | None = None
    known: AccountState
    target: AccountState
    commands: Sequence[Command] = ()
    withheld_because: Sequence[str] = ()
    parked_because: str | None = None
    pending: int = 0
    unknown: int = 0
    held_in_batch: int | None = None
    refusals: Sequence[Refusal] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The answer in one sentence, and the next step in another."""

    tone: str
    text: str
    next_step: str


def headline(case: Case) -> Headline:
    """Answer "why is it black?", or say why it should not be: the first cause, since each hides those after it."""
    number = case.subscription_number
    if case.state is None and case.rejected_because is None:
        return _gone(case)
    if case.provider.state is not LifeCycleState.EFFECTIVE:
        return Headline(
            tone=BAD,
            text=f"Nothing is sent for {number} or anybody else: provider {case.provider.name} is "
            f"{case.provider.state}.",
            next_step="Set provider.state to EFFECTIVE in the provider file when commands may go out.",
        )
    if case.rejected_because is not None:
        return Headline(
            tone=BAD,
            text=f"{number} gets nothing new, because its row in the CRM cannot be used: {case.rejected_because}.",
            next_step="Mend it in the CRM (or the provider file), then reset. Until then nothing is taken away either.",
        )
    return _in_doubt(case) or _inactive(case) or _out_of_step(case) or _in_step(case)


def _gone(case: Case) -> Headline:
    number = case.subscription_number
    if case.known.options or case.known.materials:
        return Headline(
            tone=WARN,
            text=f"{number} is not in the CRM any more, and Tucano still serves account {case.account}.",
            next_step="Nothing is taken away for a row that is missing: end it in the CRM, or find out why it is gone.",
        )
    return Headline(
        tone=PLAIN,
        text=f"{number} is not in the CRM any more, and Tucano is not known to serve it.",
        next_step="Check the number; what happened to it is below.",
    )


def _in_doubt(case: Case) -> Headline | None:
    number = case.subscription_number
    if case.parked_because is not None:
        return Headline(
            tone=BAD,
            text=f"{number} is parked: {case.parked_because}.",
            next_step="Ask Tucano's operators what became of the open request below. Each night tries it again; "
            "Reset now tries it at once.",
        )
    if case.unknown:
        return Headline(
            tone=WARN,
            text=f"{number} waits for an answer: a request left, and nobody knows whether Tucano did it.",
            next_step="It is sent again under its own number before anything else. Reset now does that at once.",
        )
    if case.pending:
        return Headline(
            tone=WARN,
            text=f"{number} waits: {_count(case.pending, 'request')} not sent yet.",
            next_step="A run is at work, or broke off. Reset now goes on from there.",
        )
    return None


def _inactive(case: Case) -> Headline | None:
    if case.state in ACTIVE_SUBSCRIPTION or case.target.options:
        return None
    number = case.subscription_number
    if case.known.options:
        return Headline(
            tone=WARN,
            text=f"{number} should be black, and is not known to be: it is {case.state} in the CRM, and Tucano still "
            f"has {_count(len(case.known.options), 'channel option')} on.",
            next_step=_of_removals(case),
        )
    return Headline(
        tone=PLAIN,
        text=f"{number} is black because it is {case.state} in the CRM: it should have no channels, and has none.",
        next_step="If the customer should be watching, activate the subscription in the CRM; the rest follows.",
    )


def _out_of_step(case: Case) -> Headline | None:
    if not case.commands:
        return None
    number = case.subscription_number
    missing_options = case.target.options - case.known.options
    missing_boxes = {one.serial_number for one in case.target.materials - case.known.materials}
    if case.refusals:
        one = case.refusals[0]
        said = f": {one.error_description}" if one.error_description else ""
        return Headline(
            tone=BAD,
            text=f"{number} lacks something because Tucano refused {one.command} with {one.error_code}{said}.",
            next_step="Mend what the code names (provider file, CRM, or at Tucano), then reset.",
        )
    if missing_options or missing_boxes or not case.known.exists:
        lacking = [] if case.known.exists else ["the account itself"]
        if missing_boxes:
            lacking.append(f"{_count(len(missing_boxes), 'box', 'boxes')} ({_listed(missing_boxes)})")
        if missing_options:
            lacking.append(
                f"{_count(len(missing_options), 'channel option')} ({_listed({o for _, o in missing_options})})"
            )
        return Headline(
            tone=BAD,
            text=f"{number} is out of step: Tucano is not known to have {' and '.join(lacking)}.",
            next_step="Reset now sends what is missing; the next night would as well.",
        )
    return Headline(
        tone=WARN,
        text=f"{number} should not be black: Tucano has all that the CRM wants, and something more.",
        next_step=_of_removals(case),
    )


def _of_removals(case: Case) -> str:
    if case.held_in_batch is not None:
        return (
            f"Its removals are held by batch {case.held_in_batch} until a person releases them "
            "(tucano_release_removals); Reset now does it for this one alone."
        )
    if case.withheld_because:
        return f"Removals are withheld: {case.withheld_because[0]}."
    return "Reset now takes away what is too much; the next night would as well."


def _in_step(case: Case) -> Headline:
    number = case.subscription_number
    if not case.target.options and not case.target.materials:
        return Headline(
            tone=WARN,
            text=f"{number} is Active, but it has no service and no box that this platform provides.",
            next_step="See below what becomes of each service; the provider file decides it.",
        )
    if not case.target.options:
        return Headline(
            tone=WARN,
            text=f"{number} is Active and in step, but none of its services is a channel option.",
            next_step="See below what becomes of each service; the provider file and the CRM decide it.",
        )
    if not case.target.materials:
        return Headline(
            tone=WARN,
            text=f"{number} has its channels at Tucano, but no box: the CRM has none installed that is registered.",
            next_step="Add the box that stands in the customer's room in the CRM.",
        )
    return Headline(
        tone=GOOD,
        text=f"{number} should not be black: Tucano has acknowledged "
        f"{_count(len(case.target.options), 'channel option')} and "
        f"{_count(len(case.target.materials), 'box', 'boxes')}, as the CRM wants.",
        next_step="Compare the serial number below with the box in the room. If both are right, Tucano may have lost "
        "it: force asks for everything again.",
    )


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")
