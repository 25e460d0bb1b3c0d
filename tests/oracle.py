"""Which accounts are out of sync, in the words of the decisions and without a line of the product's code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ACTIVE, ENDED = {"EFFECTIVE", "SHORT_TERM_EFFECTIVE"}, {"CANCELLED", "REGRETTED", "REPLACED"}
# A thing: the account, an option, a box, or the place of a box that is kept; its kind first, then what names it.
Things = set[tuple[str, ...]]


def out_of_sync(rows: list[dict[str, Any]], known: dict[str, Things], file: dict[str, Any]) -> set[str]:
    """Return the accounts of *rows*, one a subscription, that Tucano, by *known*, serves otherwise than wanted."""
    wanted: dict[str, Things] = {}
    for row in rows:
        sold, boxes = list(sold_of(row, file)), list(boxes_of(row, file))
        if row["state"] in ACTIVE and breaks_a_rule(sold, boxes, file):
            continue
        things = wanted.setdefault(row["account"], set())
        if row["state"] in ACTIVE:
            options = {("option", *one[:2]) for one in sold}
            things |= {("account",)} | options | {("box", *one) for one in boxes}
        elif row["state"] not in ENDED and not file["settings"]["remove_material_on_deactivation"]:
            things |= {("kept", vp, serial) for vp, serial, _ in boxes}
    return {account for account, things in wanted.items() if differs(things, known.get(account, set()))}


def differs(wanted: Things, held: Things) -> bool:
    places = {one[1:3] for one in wanted if one[0] in ("box", "kept")}
    missing = {one for one in wanted if one[0] != "kept"} - held
    surplus = {one for one in held if one[0] == "option"} - wanted
    return bool(missing or surplus or {one[1:3] for one in held if one[0] == "box"} - places)


def sold_of(row: dict[str, Any], file: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in row["services"]:
        covered = file["services"].get(one["bundle"], {}).get("covers_components")
        option = file["services"].get(one["code"], {}).get("option")
        if one["type"] in ("TERMED", "USAGE") and one["state"] in ACTIVE and option and not covered:
            for vp in one["distributors"] or [file["settings"]["default_distributor"]]:
                yield vp, option, one["code"]


def boxes_of(row: dict[str, Any], file: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for one in row["items"]:
        if kind := file["physical_goods"][one["type"]].get("material_type"):
            yield one["distributor"] or file["settings"]["default_distributor"], one["serial_number"], kind


def breaks_a_rule(sold: list[Any], boxes: list[Any], file: dict[str, Any]) -> bool:
    used = {"services": [one[0] for one in sold], "devices": [one[0] for one in boxes]}
    for vp in {*used["services"], *used["devices"]}:
        rule = {"services": "all"} | file["distributors"].get(vp, {"maximum_services": -1})
        if rule["services"] != "all" and {one[2] for one in sold if one[0] == vp} - set(rule["services"]):
            return True
        for what, count in ((what, places.count(vp)) for what, places in used.items()):
            if not rule.get(f"minimum_{what}", 0) <= count <= rule.get(f"maximum_{what}", count):
                return True
    return False
