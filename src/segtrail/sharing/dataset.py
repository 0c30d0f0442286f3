"""``dataset_summary.json`` of a shared copy: sides and ranges, but nothing of a single image."""

from collections.abc import Mapping
from typing import Any

from segtrail.dataset.checking.checks import CHECKS
from segtrail.errors import InputError
from segtrail.inference.likeness import TrainingRange
from segtrail.sharing.rules import (
    NUMBERS,
    NotSharedError,
    Place,
    Rule,
    always,
    by_name,
    flag,
    in_order,
    mapping,
    number,
    one_of,
    only,
    or_null,
    pattern,
    renamed,
    text,
    those_that_fit,
)
from segtrail.sharing.terms import NOT_SHARED, UNNAMED, Terms

SIDE = one_of("train", "val", "test", "unused")
_WORDS = ("description", "licence", "reference", "release")
_SEVERITY = one_of("error", "warning", "note")
# Digits that tell an image unlike all training images from the others, and no image from its like.
_DIGITS = 3


def dataset_rule(terms: Terms) -> Rule:
    """Return the rule for the summary of a data set.

    Args:
        terms: What the copy holds.
    """
    cases, classes = renamed(terms.pseudonyms.cases), only(terms.classes)
    entry = mapping({"case": cases, "side": SIDE, "group": or_null(renamed(terms.pseudonyms.groups))})
    left_out = mapping({"case": cases, "checks": those_that_fit(one_of(*_TEXTS))})
    names = in_order(cases)
    split = {
        "method": one_of("named", "fraction"),
        "seed": number,
        "val_frac": or_null(number),
        "train": names,
        "val": names,
        "test": names,
    }
    is_described = terms.choices.description
    return mapping(
        {
            "schema_version": number,
            "name": text if is_described else always(UNNAMED),
            **dict.fromkeys(_WORDS, text if is_described else always(NOT_SHARED)),
            "modality": by_name(pattern("[0-9]+"), text),
            "labels": by_name(pattern("[0-9]+"), classes),
            "data_root": always("${data_root}"),
            "cases": in_order(entry, _by_case),
            "left_out": in_order(left_out, _by_case),
            "reading": mapping({"read_now": number, "unchanged_since_read_before": number}),
            "aggregates": by_name(one_of("all", "train", "val", "test"), _aggregate_rule(classes)),
            "split": mapping(split),
            "checks": those_that_fit(_check_rule(cases)),
            "training_range": _RANGE,
        }
    )


def with_training_range(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Put the ranges of the training images in, which `predict` holds new images against.

    Args:
        summary: ``dataset_summary.json`` of a run, whose images are left out of the copy.
    """
    try:
        known = TrainingRange.of_summary(summary, len(summary["modality"]))
    except (InputError, LookupError, TypeError):
        return dict(summary)  # of an older version, whose networks `predict` does not take either
    return {**summary, "training_range": known.as_mapping(_DIGITS)}


def _by_case(entry: Mapping[str, Any]) -> str:
    return str(entry["case"])


def _aggregate_rule(classes: Rule) -> Rule:
    vectors = mapping({"min": NUMBERS, "median": NUMBERS, "max": NUMBERS})
    scalars = mapping(dict.fromkeys(("min", "median", "max", "mean"), number))
    return mapping(
        {
            "n_cases": number,
            "spacing_mm": vectors,
            "shape": vectors,
            "volume_ml": by_name(classes, scalars),
        }
    )


def _check_rule(cases: Rule) -> Rule:
    """Return the rule for a check; what is said of it are the program's own words, what it found is counted."""

    def finding(value: Any, place: Place) -> dict[str, Any]:
        shared = mapping({"case": or_null(cases), "evidence": always(NOT_SHARED)})(value, place)
        return {"case": None, **shared}

    fields = {
        "id": one_of(*_TEXTS),
        "severity": _SEVERITY,
        "allowed": flag,
        "status": one_of("passed", "failed"),
        "findings": in_order(finding, lambda one: (one["case"] or "", one["evidence"])),
    }

    def rule(value: Any, place: Place) -> dict[str, Any]:
        if not isinstance(value, Mapping) or value.get("id") not in _TEXTS:
            raise NotSharedError
        title, remedy = _TEXTS[value["id"]]
        texts = {"title": always(title), "remedy": always(remedy)}
        shared: dict[str, Any] = mapping({**fields, **texts})(value, place)
        return shared

    return rule


_TEXTS = {check.id: (check.title, check.remedy) for check in CHECKS}
_PAIR = mapping({"min": NUMBERS, "max": NUMBERS})
_PERCENTILES = those_that_fit(NUMBERS)
_RANGE = mapping(
    {
        "spacing_mm": _PAIR,
        "extent_mm": _PAIR,
        "percentiles": mapping({"min": _PERCENTILES, "max": _PERCENTILES}),
        "contrast": NUMBERS,
    }
)
