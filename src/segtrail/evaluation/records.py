"""``metrics_cases.csv`` and ``metrics_summary.json``: the numbers, each with its definition."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from segtrail.atomic import write_text
from segtrail.config.schema import ReportConfig
from segtrail.errors import InputError
from segtrail.evaluation.evaluate import ClassResult
from segtrail.evaluation.metrics import ClassMetrics, Status, metric_definitions
from segtrail.evaluation.statistics import summarise
from segtrail.record.table import read_rows

if TYPE_CHECKING:  # it imports torch
    from segtrail.inference.predictor import Segmentation

SCHEMA_VERSION = 1
SELECTION_RULES = {
    "best": "highest val_dice, the earliest epoch on a tie",
    "last": "the last epoch, whatever its val_dice",
}
SELECTION_CAUTION = (
    "The validation score chose the epoch, so the score of the chosen epoch is optimistic; "
    "only cases that took no part in training or choosing give an unbiased one."
)


def write_case_table(path: Path, results: Sequence[ClassResult]) -> None:
    """Write one row per case and class, unrounded; an undefined value is left empty."""
    columns = list(results[0].metrics.by_column()) if results else []
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["case", "split", "class", *columns, "status", "schema_version"])
    for result in results:
        values = ["" if math.isnan(value) else repr(value) for value in result.metrics.by_column().values()]
        writer.writerow(
            [result.case, result.split, result.class_name, *values, result.metrics.status, SCHEMA_VERSION]
        )
    write_text(path, stream.getvalue())


def read_case_table(path: Path) -> list[dict[str, str]]:
    """Read a table of cases as it was written: every cell as text, by its column.

    Args:
        path: ``metrics_cases.csv`` of a run.

    Returns:
        The rows; each can be taken by ``class_result_of``.

    Raises:
        InputError: The file is missing, damaged or of another schema version.
    """
    try:
        rows = read_rows(path)
        for row in rows:
            if None in row or None in row.values():
                raise ValueError("a row has not as many values as the header has columns")
            if row["schema_version"] != str(SCHEMA_VERSION):
                raise ValueError(f"schema_version is {row['schema_version']}, not {SCHEMA_VERSION}")
            class_result_of(row)
    except FileNotFoundError:
        raise InputError(f"The run {path.parent.name} has no {path.name}.") from None
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise InputError(f"{path.name} of the run {path.parent.name} is damaged: {error}.") from None
    return rows


def class_result_of(row: Mapping[str, str]) -> ClassResult:
    """Return a row of a table of cases as what was measured.

    Raises:
        ValueError: A cell holds no number, or an unknown status.
        KeyError: A column is missing.
    """
    if row["status"] not in get_args(Status):
        raise ValueError(f"status is {row['status']!r}")
    tolerances = {
        column: float(name[1]) for column in row if (name := re.fullmatch(r"nsd_([0-9.]+)mm", column))
    }
    plain = [field.name for field in fields(ClassMetrics) if field.name not in ("nsd", "status")]
    metrics = ClassMetrics(
        nsd={tolerance_mm: _number(row[column]) for column, tolerance_mm in tolerances.items()},
        status=cast(Status, row["status"]),
        **{name: _number(row[name]) for name in plain},
    )
    return ClassResult(row["case"], row["split"], row["class"], metrics)


def case_rows(results: Sequence[ClassResult]) -> list[dict[str, Any]]:
    """List the results as plain mappings; an undefined value is None."""
    return [
        {
            "case": result.case,
            "split": result.split,
            "class": result.class_name,
            **{key: _finite(value) for key, value in result.metrics.by_column().items()},
            "status": result.metrics.status,
        }
        for result in results
    ]


def summarise_results(results: Sequence[ClassResult], config: ReportConfig, seed: int) -> dict[str, Any]:
    """Summarise every metric of every class.

    Args:
        results: Results of one side of the split.
        config: Resamples and coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        For each class: n counted, n_failed of them, n_left_out, and the statistics of each metric.
    """
    names = list(dict.fromkeys(result.class_name for result in results))
    return {
        name: _summarise_class([r for r in results if r.class_name == name], config, seed) for name in names
    }


def describe_bootstrap(config: ReportConfig, seed: int) -> dict[str, Any]:
    """Say how the intervals were made."""
    return {
        "samples": config.bootstrap_samples,
        "confidence": config.confidence,
        "seed": seed,
        "method": "percentile bootstrap over cases",
    }


def describe_metrics(tolerances_mm: Sequence[float]) -> dict[str, Any]:
    """List the definition of every metric by its column."""
    return {column: asdict(definition) for column, definition in metric_definitions(tolerances_mm).items()}


def describe_segmentation(segmentation: "Segmentation") -> dict[str, Any]:
    """Say how an image went through the networks: mode, regions and what the guard did."""
    return {
        "mode": segmentation.mode,
        "regions": [
            {"low_mm": list(region.low_mm), "size_mm": list(region.size_mm)}
            for region in segmentation.regions
        ],
        "guard": [asdict(note) for note in segmentation.guard],
    }


def _summarise_class(results: Sequence[ClassResult], config: ReportConfig, seed: int) -> dict[str, Any]:
    counted = [result.metrics for result in results if result.metrics.status != "left_out"]
    columns = list(results[0].metrics.by_column())
    statistics = {}
    for column in columns:
        values = [metrics.by_column()[column] for metrics in counted]
        defined = [value for value in values if not math.isnan(value)]
        summary = summarise(
            defined, seed=seed, samples=config.bootstrap_samples, confidence=config.confidence
        )
        statistics[column] = asdict(summary)
    return {
        "n": len(counted),
        "n_failed": sum(metrics.status != "ok" for metrics in counted),
        "n_left_out": len(results) - len(counted),
        "metrics": statistics,
    }


def _number(cell: str) -> float:
    value = float(cell) if cell else math.nan
    if cell and not math.isfinite(value):
        raise ValueError(f"{cell!r} is no finite number")
    return value


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value
