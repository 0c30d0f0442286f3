"""``inference.json`` and ``regions.json`` of a shared copy: what was done in each case, under its pseudonym."""

from collections.abc import Mapping
from typing import Any

from segtrail.inference.guard_note import REASON_NAMES
from segtrail.sharing.rules import (
    NUMBERS,
    STAGE,
    NotSharedError,
    Place,
    Rule,
    each,
    in_order,
    mapping,
    number,
    one_of,
    or_null,
    renamed,
)
from segtrail.sharing.terms import Terms

_ACTIONS = ("lowered_threshold", "widened", "searched_everywhere", "left_empty", "kept", "marked", "left_out")
_SIDES = ("train", "val", "test")


def inference_rule(terms: Terms) -> Rule:
    """Return the rule for ``inference.json``; validation cases are told from test cases by the split.

    Args:
        terms: What the copy holds.
    """
    entry = mapping(
        {
            "case": renamed(terms.pseudonyms.cases),
            "mode": one_of("whole_volume", "sliding_window", "regions"),
            "regions": each(mapping({"low_mm": NUMBERS, "size_mm": NUMBERS})),
            "guard": each(_guard_note),
        }
    )
    return mapping({"schema_version": number, "cases": in_order(entry, lambda one: one["case"])})


def regions_rule(terms: Terms) -> Rule:
    """Return the rule for ``regions.json``.

    Args:
        terms: What the copy holds.
    """
    measures = ("covered_percent", "least_room_mm", "dice")
    entry = mapping(
        {
            "case": renamed(terms.pseudonyms.cases),
            "side": one_of("train", "val"),
            "network": STAGE,
            "windows": each(NUMBERS),
            "found_volume_ml": number,
            "confidence": number,
            "guard": each(_guard_note),
            "centre_offset_mm": or_null(NUMBERS),
            **dict.fromkeys(measures, or_null(number)),
        }
    )
    return mapping(
        {
            "schema_version": number,
            "finder": STAGE,
            "stage": STAGE,
            "region_voxels": NUMBERS,
            "region_mm": NUMBERS,
            "shift_mm": number,
            "anywhere_fraction": number,
            "cases": in_order(entry, lambda one: (_SIDES.index(one["side"]), one["case"])),
        }
    )


def _guard_note(value: Any, place: Place) -> dict[str, Any]:
    """Let a note out with a few words of the program's own in place of its sentence."""
    if not isinstance(value, Mapping) or value.get("reason") not in REASON_NAMES:
        raise NotSharedError
    words = REASON_NAMES[value["reason"]]
    sentence = f"{words[:1].upper()}{words[1:]}."
    if value.get("evidence") != sentence:
        place.below("evidence").note()
    shared = mapping({"reason": one_of(*REASON_NAMES), "action": one_of(*_ACTIONS)})
    kept = {key: item for key, item in value.items() if key != "evidence"}
    return {"evidence": sentence, **shared(kept, place)}
