"""The numbers of a shared copy: epochs, metrics of cases under their pseudonyms, and what follows from these."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

from segtrail.errors import InputError
from segtrail.evaluation.calibration import DEFINITION
from segtrail.evaluation.metrics import metric_definitions
from segtrail.record.history import HistoryRow
from segtrail.record.table import read_rows
from segtrail.sharing.rules import (
    NUMBERS,
    RUN_ID,
    STAGE,
    TIME,
    LeftOut,
    NotSharedError,
    Place,
    Rule,
    always,
    by_name,
    each,
    either,
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
)
from segtrail.sharing.terms import NOT_SHARED, Terms

_CELL = pattern(r"|nan|-?inf|-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
_NSD = r"nsd_[0-9.]+mm"
_METRIC = either(one_of(*metric_definitions(())), pattern(_NSD))
_SIDES = ("val", "test")
Row = dict[str, str]


def share_history(path: Path, left_out: LeftOut) -> bytes:
    """Make ``history.csv`` of a copy.

    Args:
        path: That of the run.
        left_out: Hears of what stays.

    Raises:
        InputError: It can't be read.
    """
    columns: dict[str, Rule] = {field.name: _CELL for field in fields(HistoryRow)} | {"stage": STAGE}
    return _table(path, columns, left_out, lambda rows: rows)


def share_cases(path: Path, terms: Terms, left_out: LeftOut) -> bytes:
    """Make ``metrics_cases.csv`` of a copy: sides in their order, cases in that of their pseudonyms.

    Args:
        path: That of the run.
        terms: What the copy holds.
        left_out: Hears of what stays.

    Raises:
        InputError: It can't be read.
    """
    columns: dict[str, Rule] = {
        "case": renamed(terms.pseudonyms.cases),
        "split": one_of(*_SIDES),
        "class": only(terms.classes),
        "status": one_of("ok", "missed", "false_positive", "left_out"),
        "schema_version": _CELL,
        **dict.fromkeys(metric_definitions(()), _CELL),
    }
    return _table(path, columns, left_out, lambda rows: sorted(rows, key=_side_and_case))


def metrics_rule(terms: Terms) -> Rule:
    """Return the rule for ``metrics_summary.json``.

    Args:
        terms: What the copy holds.
    """
    of_class = mapping(
        {"n": number, "n_failed": number, "n_left_out": number, "metrics": by_name(_METRIC, _STATISTICS)}
    )
    return mapping(
        {
            "schema_version": number,
            "run_id": RUN_ID,
            "checkpoint": one_of("checkpoints/best.pt"),
            "selection": _SELECTION,
            "bootstrap": mapping({"samples": number, "confidence": number, "seed": number, "method": text}),
            "definitions": by_name(_METRIC, _DEFINITION),
            "splits": by_name(one_of(*_SIDES), by_name(only(terms.classes), of_class)),
        }
    )


def calibration_rule(terms: Terms) -> Rule:
    """Return the rule for ``calibration.json``.

    Args:
        terms: What the copy holds.
    """
    measured = {
        "split": one_of(*_SIDES),
        "class": only(terms.classes),
        **dict.fromkeys(("voxels", "error", "bias"), number),
    }
    edges = dict.fromkeys(("from", "to", "voxels"), number)
    means = dict.fromkeys(("mean_probability", "share_of_class"), or_null(number))
    of_case = mapping({"case": renamed(terms.pseudonyms.cases), **measured})
    of_pool = mapping({"cases": number, **measured, "bins": each(mapping({**edges, **means}))})
    return mapping(
        {
            "schema_version": number,
            "definition": always(DEFINITION),
            "margin_mm": number,
            "cases": in_order(of_case, _side_and_case),
            "pooled": each(of_pool),
        }
    )


def _table(
    path: Path, columns: Mapping[str, Rule], left_out: LeftOut, order: Callable[[list[Row]], list[Row]]
) -> bytes:
    try:
        rows = read_rows(path)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path.name} can't be read ({error}).") from None
    known = {name: _rule_of(columns, name) for name in (rows[0] if rows else {})}
    shared = {name: rule for name, rule in known.items() if rule is not None}
    for name in known.keys() - shared.keys():
        left_out.note(path.name, str(name))
    place = Place(path.name, left_out)
    kept = order(
        [{name: _cell(rule, row[name], place.below(name)) for name, rule in shared.items()} for row in rows]
    )
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(shared)
    writer.writerows(list(row.values()) for row in kept)
    return stream.getvalue().encode("utf-8")


def _rule_of(columns: Mapping[str, Rule], name: str) -> Rule | None:
    if name in columns:
        return columns[name]
    is_surface_dice = "dice" in columns and isinstance(name, str) and name.startswith("nsd_")
    return _CELL if is_surface_dice and _is_metric(name) else None


def _is_metric(name: str) -> bool:
    try:
        return bool(_METRIC(name, Place("", LeftOut())))
    except NotSharedError:
        return False


def _cell(rule: Rule, value: str, place: Place) -> str:
    try:
        return str(rule(value, place))
    except NotSharedError:
        place.note()
        return ""


def _side_and_case(row: Row) -> tuple[int, str]:
    side = row.get("split", "")
    return (_SIDES.index(side) if side in _SIDES else len(_SIDES)), row.get("case", "")


_STATISTICS = mapping(
    {
        **dict.fromkeys(("mean", "sd", "median", "min", "max"), or_null(number)),
        "interval": or_null(NUMBERS),
        "indicative": flag,
    }
)
_DEFINITION = mapping(
    {
        "name": text,
        "definition": text,
        "unit": one_of("mm", "mL", "%", ""),
        "better": or_null(one_of("higher", "lower", "zero")),
    }
)
_SELECTION = mapping(
    {
        "best_epoch": number,
        "rule": text,
        "best_epoch_val_dice": or_null(number),
        "last_epoch": number,
        "last_epoch_val_dice": or_null(number),
        "caution": text,
    }
)
_USE = mapping({"run_id": RUN_ID, "kind": one_of("run", "evaluation"), "time_utc": TIME, "n_cases": number})
USES_RULE = mapping(
    {
        "schema_version": number,
        "run_id": RUN_ID,
        "n_cases": number,
        "n_runs_read": number,
        "uses": each(_USE),
        "unread": each(always(NOT_SHARED)),
    }
)
