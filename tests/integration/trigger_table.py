"""What each action of the CRM makes Tucano receive: the rows that the test performs, and the table made of them.

`python -m tests.integration.trigger_table` writes docs/triggers.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "triggers.md"

SUBSCRIPTION, SERVICE, ITEM, NONE, TIME = (
    "Subscription actions",
    "Service actions",
    "Installed item actions",
    "Actions without effect",
    "Ends that come by time",
)
# Words of a row that become the test's own: the subscription, its box, another subscription of the customer.
NUMBER, BOX, NEW_BOX, OTHER = "<number>", "<box>", "<new box>", "<other>"

USAGE = {
    "CREATE_ACCOUNT": "registers a subscriber at Tucano",
    "ACTIVATE_OPTIONS": "switches channels of Usage or Termed services on, at one distributor",
    "SUSPEND_OPTIONS": "switches channels of Usage or Termed services off, at one distributor",
    "ADD_MATERIAL": "registers a set-top box, at one distributor",
    "REMOVE_MATERIAL": "takes a set-top box out, at one distributor",
}
PARAMETERS = {
    "CREATE_ACCOUNT": "`name`; `email`, `phone`, `address` where the CRM has them",
    "ACTIVATE_OPTIONS": "`distributor`, `options`",
    "SUSPEND_OPTIONS": "`distributor`, `options`",
    "ADD_MATERIAL": "`distributor`, `serial_number`, `material_type`",
    "REMOVE_MATERIAL": "`distributor`, `serial_number`",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One action and what it sends. *begin*: the subscription before; None: the action itself makes it.

    *before* are actions before it, *other* what the other account receives. *by_time*: the CRM's maintenance acts.
    """

    says: str
    kind: str
    behaviour: str
    details: Mapping[str, Any] = field(default_factory=dict)
    services: Sequence[Any] = ("GEOLOGICAL",)
    boxes: Mapping[str, str] | None = None
    draft: bool = False
    begins: bool = False
    needs_other: bool = False
    before: Sequence[tuple[str, Mapping[str, Any]]] = ()
    sent: Sequence[str] = ()
    other: Sequence[str] = ()

    @property
    def name(self) -> str:
        return f"{self.behaviour}: {self.says}"


def at(place: str, *codes: str) -> list[dict[str, Any]]:
    return [{"code": code, "distributors": [place]} for code in codes]


SOON = (datetime.now(UTC) + timedelta(days=3)).isoformat()
NEW = ["CREATE_ACCOUNT", f"ADD_MATERIAL(VP1, {BOX})", "ACTIVATE_OPTIONS(VP1, [GEOLOGICAL])"]
ON, OFF = ["ACTIVATE_OPTIONS(VP1, [GEOLOGICAL])"], ["SUSPEND_OPTIONS(VP1, [GEOLOGICAL])"]
TWO = ("GEOLOGICAL", "RELIGION")
STOPPED = ("DEACTIVATE_SUBSCRIPTION", {})

ROWS = (
    Row(
        says="Become subscriber, effective",
        kind=SUBSCRIPTION,
        behaviour="BECOMESUBSCRIBER",
        begins=True,
        sent=NEW,
    ),
    Row(
        says="Become subscriber, as draft",
        kind=SUBSCRIPTION,
        behaviour="BECOMESUBSCRIBER",
        begins=True,
        draft=True,
    ),
    Row(
        says="Activate subscription, from draft",
        kind=SUBSCRIPTION,
        behaviour="ACTIVATESUBSCRIPTION",
        draft=True,
        sent=NEW,
    ),
    Row(
        says="Activate subscription, from not effective",
        kind=SUBSCRIPTION,
        behaviour="ACTIVATESUBSCRIPTION",
        before=[STOPPED],
        sent=ON,
    ),
    Row(says="Deactivate subscription", kind=SUBSCRIPTION, behaviour="DEACTIVATE_SUBSCRIPTION", sent=OFF),
    Row(
        says="Deactivate subscription, channels at two places",
        kind=SUBSCRIPTION,
        behaviour="DEACTIVATE_SUBSCRIPTION",
        services=[*at("VP2", "RELIGION"), *at("VP1", "GEOLOGICAL")],
        boxes={"VP1": BOX, "VP2": NEW_BOX},
        sent=[*OFF, "SUSPEND_OPTIONS(VP2, [RELIGION])"],
    ),
    Row(
        says="Terminate subscription",
        kind=SUBSCRIPTION,
        behaviour="TERMINATE_SUBSCRIPTION",
        sent=[*OFF, f"REMOVE_MATERIAL(VP1, {BOX})"],
    ),
    Row(
        says="Terminate subscription, a draft",
        kind=SUBSCRIPTION,
        behaviour="TERMINATE_SUBSCRIPTION",
        draft=True,
    ),
    Row(says="Rest subscription", kind=SUBSCRIPTION, behaviour="RESTSUBSCRIPTION", sent=OFF),
    Row(
        says="End subscription resting",
        kind=SUBSCRIPTION,
        behaviour="ENDSUBSCRIPTIONRESTING",
        before=[("RESTSUBSCRIPTION", {})],
        sent=ON,
    ),
    Row(
        says="Short term activation, from draft",
        kind=SUBSCRIPTION,
        behaviour="SHORTTERMSUBSCRIPTIONACTIVATION",
        draft=True,
        details={"until": SOON},
        sent=NEW,
    ),
    Row(
        says="Short term activation, from not effective",
        kind=SUBSCRIPTION,
        behaviour="SHORTTERMSUBSCRIPTIONACTIVATION",
        before=[STOPPED],
        details={"until": SOON},
        sent=ON,
    ),
    Row(
        says="End short term activation",
        kind=SUBSCRIPTION,
        behaviour="ENDSUBSCRIPTIONSHORTTERMACTIVATION",
        before=[STOPPED, ("SHORTTERMSUBSCRIPTIONACTIVATION", {"until": SOON})],
        sent=OFF,
    ),
    Row(
        says="Short term deactivation",
        kind=SUBSCRIPTION,
        behaviour="SHORTTERMSUBSCRIPTIONDEACTIVATION",
        details={"until": SOON},
        sent=OFF,
    ),
    Row(
        says="End short term deactivation",
        kind=SUBSCRIPTION,
        behaviour="ENDSUBSCRIPTIONSHORTTERMDEACTIVATION",
        before=[("SHORTTERMSUBSCRIPTIONDEACTIVATION", {"until": SOON})],
        sent=ON,
    ),
    Row(
        says="Replace subscription",
        kind=SUBSCRIPTION,
        behaviour="REPLACE_SUBSCRIPTION",
        details={"to_subscription_number": OTHER},
        sent=[f"REMOVE_MATERIAL(VP1, {BOX})", *OFF],
        other=NEW,
    ),
    Row(
        says="Change subscription distribution, of a service",
        kind=SUBSCRIPTION,
        behaviour="CHANGESUBSCRIPTIONDISTRIBUTION",
        details={"services": at("VP2", "GEOLOGICAL")},
        sent=["ACTIVATE_OPTIONS(VP2, [GEOLOGICAL])", *OFF],
    ),
    Row(
        says="Change subscription distribution, of a box",
        kind=SUBSCRIPTION,
        behaviour="CHANGESUBSCRIPTIONDISTRIBUTION",
        details={"items": [{"serial_number": BOX, "distributor": "VP2"}]},
        sent=[f"REMOVE_MATERIAL(VP1, {BOX})", f"ADD_MATERIAL(VP2, {BOX})"],
    ),
    Row(
        says="Add service",
        kind=SERVICE,
        behaviour="ADD_SERVICE",
        details={"services": at("VP1", "RELIGION")},
        sent=["ACTIVATE_OPTIONS(VP1, [RELIGION])"],
    ),
    Row(
        says="Add service, as draft",
        kind=SERVICE,
        behaviour="ADD_SERVICE",
        details={"services": at("VP1", "RELIGION"), "draft": True},
    ),
    Row(
        says="Add service, one-time or expense",
        kind=SERVICE,
        behaviour="ADD_SERVICE",
        details={"services": at("VP1", "INSTALLATION", "PAPER_INVOICE")},
    ),
    Row(
        says="Add service, to a subscription that is off",
        kind=SERVICE,
        behaviour="ADD_SERVICE",
        before=[STOPPED],
        details={"services": at("VP1", "RELIGION")},
    ),
    Row(
        says="Add service, a fixed bundle that is one option",
        kind=SERVICE,
        behaviour="ADD_SERVICE",
        details={"services": at("VP1", "FAMILY_PACK")},
        sent=["ACTIVATE_OPTIONS(VP1, [FAMILY])"],
    ),
    Row(
        says="Add service, a fixed bundle by its components",
        kind=SERVICE,
        behaviour="ADD_SERVICE",
        details={"services": at("VP1", "STARTER_PACK")},
        sent=["ACTIVATE_OPTIONS(VP1, [COOKING, MUSIC, NEWS])"],
    ),
    Row(
        says="Remove service",
        kind=SERVICE,
        behaviour="REMOVESERVICE",
        services=TWO,
        details={"services": ["RELIGION"]},
        sent=["SUSPEND_OPTIONS(VP1, [RELIGION])"],
    ),
    Row(
        says="Remove service, regretted",
        kind=SERVICE,
        behaviour="REMOVESERVICE",
        services=TWO,
        details={"services": ["RELIGION"], "regret": True},
        sent=["SUSPEND_OPTIONS(VP1, [RELIGION])"],
    ),
    Row(
        says="Remove service, another one keeps the channels on",
        kind=SERVICE,
        behaviour="REMOVESERVICE",
        services=("SPORT", "SPORT_LITE"),
        details={"services": ["SPORT_LITE"]},
    ),
    Row(
        says="Start service",
        kind=SERVICE,
        behaviour="START_SERVICE",
        services=TWO,
        before=[("STOPSERVICE", {"services": ["RELIGION"]})],
        details={"services": ["RELIGION"]},
        sent=["ACTIVATE_OPTIONS(VP1, [RELIGION])"],
    ),
    Row(
        says="Stop service",
        kind=SERVICE,
        behaviour="STOPSERVICE",
        services=TWO,
        details={"services": ["RELIGION"]},
        sent=["SUSPEND_OPTIONS(VP1, [RELIGION])"],
    ),
    Row(
        says="Swap service",
        kind=SERVICE,
        behaviour="SWAPSERVICE",
        details={"from": "GEOLOGICAL", "to": {"code": "AGRICULTURE"}},
        sent=["ACTIVATE_OPTIONS(VP1, [AGRICULTURE])", *OFF],
    ),
    Row(
        says="Swap service, the same option",
        kind=SERVICE,
        behaviour="SWAPSERVICE",
        services=("SPORT",),
        details={"from": "SPORT", "to": {"code": "SPORT_LITE"}},
    ),
    Row(
        says="Regret swap",
        kind=SERVICE,
        behaviour="REMOVESERVICE",
        before=[("SWAPSERVICE", {"from": "GEOLOGICAL", "to": {"code": "AGRICULTURE"}})],
        details={"services": ["AGRICULTURE"], "regret": True},
        sent=[*ON, "SUSPEND_OPTIONS(VP1, [AGRICULTURE])"],
    ),
    Row(
        says="Swap package",
        kind=SERVICE,
        behaviour="SWAP_PACKAGE",
        services=TWO,
        details={
            "swaps": [
                {"from": "GEOLOGICAL", "to": {"code": "NEWS"}},
                {"from": "RELIGION", "to": {"code": "KIDS"}},
            ]
        },
        sent=["ACTIVATE_OPTIONS(VP1, [KIDS, NEWS])", "SUSPEND_OPTIONS(VP1, [GEOLOGICAL, RELIGION])"],
    ),
    Row(
        says="Amend bundle services",
        kind=SERVICE,
        behaviour="AMENDBUNDLEDSERVICE",
        services=("FLEX_A",),
        details={"bundle": "FLEX_A", "add": ["HISTORY"], "remove": ["ENTERTAIN"]},
        sent=["ACTIVATE_OPTIONS(VP1, [HISTORY])", "SUSPEND_OPTIONS(VP1, [ENTERTAIN])"],
    ),
    Row(
        says="Add service usage",
        kind=SERVICE,
        behaviour="ADD_SERVICE_USAGE",
        details={"service": "PPV_CONCERT", "distributors": ["VP1"]},
        sent=["ACTIVATE_OPTIONS(VP1, [PPV_CONCERT])"],
    ),
    Row(
        says="End service usage",
        kind=SERVICE,
        behaviour="ENDSERVICEUSAGE",
        before=[("ADD_SERVICE_USAGE", {"service": "PPV_CONCERT", "distributors": ["VP1"]})],
        details={"service": "PPV_CONCERT"},
        sent=["SUSPEND_OPTIONS(VP1, [PPV_CONCERT])"],
    ),
    Row(
        says="Amend services and installed items",
        kind=SERVICE,
        behaviour="AMEND_SERVICES_INSTALLED_ITEMS",
        services=TWO,
        details={
            "add_services": at("VP2", "NEWS"),
            "remove_services": ["RELIGION"],
            "add_items": [{"serial_number": NEW_BOX, "type": "STB_HD", "distributor": "VP2"}],
        },
        sent=[
            f"ADD_MATERIAL(VP2, {NEW_BOX})",
            "ACTIVATE_OPTIONS(VP2, [NEWS])",
            "SUSPEND_OPTIONS(VP1, [RELIGION])",
        ],
    ),
    Row(
        says="Add installed item",
        kind=ITEM,
        behaviour="ADD_INSTALLED_ITEM",
        details={"items": [{"serial_number": NEW_BOX, "type": "STB_UHD", "distributor": "VP2"}]},
        sent=[f"ADD_MATERIAL(VP2, {NEW_BOX})"],
    ),
    Row(
        says="Remove installed item",
        kind=ITEM,
        behaviour="REMOVE_INSTALLED_ITEM",
        details={"items": [BOX]},
        sent=[f"REMOVE_MATERIAL(VP1, {BOX})"],
    ),
    Row(
        says="Swap installed item, where there is room",
        kind=ITEM,
        behaviour="SWAP_INSTALLED_ITEM",
        details={"pairs": [{"from": BOX, "to": {"serial_number": NEW_BOX, "type": "STB_HD"}}]},
        sent=[f"ADD_MATERIAL(VP1, {NEW_BOX})", f"REMOVE_MATERIAL(VP1, {BOX})"],
    ),
    Row(
        says="Swap installed item, where only one is allowed",
        kind=ITEM,
        behaviour="SWAP_INSTALLED_ITEM",
        services=at("VP2", "GEOLOGICAL"),
        boxes={"VP2": BOX},
        details={"pairs": [{"from": BOX, "to": {"serial_number": NEW_BOX, "type": "STB_HD"}}]},
        sent=[f"REMOVE_MATERIAL(VP2, {BOX})", f"ADD_MATERIAL(VP2, {NEW_BOX})"],
    ),
    Row(
        says="Move items to another subscription",
        kind=ITEM,
        behaviour="MOVEINSTITEMTOANOTHERSUBSCRIPTION",
        needs_other=True,
        details={"items": [{"serial_number": BOX}], "to_subscription_number": OTHER},
        sent=[f"REMOVE_MATERIAL(VP1, {BOX})"],
        other=[f"ADD_MATERIAL(VP1, {BOX})"],
    ),
    Row(says="Extend grace period", kind=NONE, behaviour="EXTEND_GRACE_PERIOD", details={"until": SOON}),
    Row(
        says="Amend billing terms",
        kind=NONE,
        behaviour="AMEND_BILLING_TERMS",
        details={"billing_terms": "ANNUAL"},
    ),
    Row(says="Bill as of date", kind=NONE, behaviour="BILL_AS_OF_DATE", details={"until": SOON}),
    Row(
        says="Change subscriber account",
        kind=NONE,
        behaviour="CHANGE_SUBSCRIBER_ACCOUNT",
        needs_other=True,
        details={"account_number": "<account>"},
    ),
    Row(
        says="Change subscription location",
        kind=NONE,
        behaviour="CHANGE_SUBSCRIPTION_LOCATION",
        details={"location": "Somewhere else 1"},
    ),
    Row(
        says="Resting is over",
        kind=TIME,
        behaviour="ENDSUBSCRIPTIONRESTING",
        before=[("RESTSUBSCRIPTION", {"until": SOON})],
        sent=ON,
    ),
    Row(
        says="A short term activation is over",
        kind=TIME,
        behaviour="ENDSUBSCRIPTIONSHORTTERMACTIVATION",
        before=[STOPPED, ("SHORTTERMSUBSCRIPTIONACTIVATION", {"until": SOON})],
        sent=OFF,
    ),
    Row(
        says="A short term deactivation is over",
        kind=TIME,
        behaviour="ENDSUBSCRIPTIONSHORTTERMDEACTIVATION",
        before=[("SHORTTERMSUBSCRIPTIONDEACTIVATION", {"until": SOON})],
        sent=ON,
    ),
    Row(
        says="Grace is over",
        kind=TIME,
        behaviour="DEACTIVATE_SUBSCRIPTION",
        before=[("EXTEND_GRACE_PERIOD", {"until": SOON})],
        sent=OFF,
    ),
    Row(
        says="A pay-per-view is over",
        kind=TIME,
        behaviour="ENDSERVICEUSAGE",
        before=[("ADD_SERVICE_USAGE", {"service": "PPV_CONCERT", "distributors": ["VP1"], "until": SOON})],
        sent=["SUSPEND_OPTIONS(VP1, [PPV_CONCERT])"],
    ),
)


def command_of(sent: str) -> str:
    """Return the command that a request as written is."""
    return sent.partition("(")[0]


def document() -> str:
    """Return docs/triggers.md."""
    lines = [
        "# Which action sends what to Tucano?",
        "",
        "Written by `python -m tests.integration.trigger_table` from the rows that",
        "`tests/integration/test_triggers.py` performs on the demo CRM and a running lane; do not edit it.",
        "",
        "An action says only which subscription to look at: what is sent is the difference between what the CRM wants",
        "then and what Tucano is known to have. So each command below also comes from `tucano_reset_run` and",
        "`tucano_reset_subscription`, and an action sends less where Tucano has it already.",
        "",
        "## The commands",
        "",
        "| command | usage | triggered by | parameters |",
        "|---|---|---|---|",
    ]
    for command, usage in USAGE.items():
        triggers = []
        for kind in (SUBSCRIPTION, SERVICE, ITEM, TIME):
            names = list(
                dict.fromkeys(
                    row.says.partition(",")[0]
                    for row in ROWS
                    if row.kind == kind and command in {command_of(one) for one in (*row.sent, *row.other)}
                )
            )
            if names:
                triggers.append(f"**{kind}**: {'; '.join(names)}")
        resets = "**Resets**: nightly run; single reset"
        lines.append(f"| {command} | {usage} | {'<br>'.join([resets, *triggers])} | {PARAMETERS[command]} |")
    lines += [
        "",
        "## The actions, row by row",
        "",
        "The subscription has Geological and one box at viewing point VP1, unless the action says otherwise.",
        "",
        "| action | behaviour | what Tucano receives, in this order |",
        "|---|---|---|",
    ]
    for row in ROWS:
        sent = [f"`{one}`" for one in row.sent] or ["nothing"]
        sent += [f"the other account: `{one}`" for one in row.other]
        received = ", ".join(sent)
        lines.append(f"| {row.says} | `{row.behaviour}` | {received} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
