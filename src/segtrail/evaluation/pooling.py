"""Pooling the results of several folds: one table of all cases, statistics over cases and between folds."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segtrail.atomic import write_text
from segtrail.config.schema import ReportConfig
from segtrail.evaluation.records import class_result_of, summarise_results


@dataclass(frozen=True)
class FoldResults:
    """What the run of one fold measured.

    Attributes:
        fold: Number of the fold.
        run_id: The run.
        rows: The rows of its ``metrics_cases.csv``, every cell as text.
    """

    fold: int
    run_id: str
    rows: Sequence[dict[str, str]]


def write_pooled_table(path: Path, folds: Sequence[FoldResults]) -> None:
    """Write the rows of all folds, each with its fold and run in front, cell by cell as the runs hold them."""
    columns = list(folds[0].rows[0])
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["fold", "run_id", *columns])
    for fold in folds:
        writer.writerows([fold.fold, fold.run_id, *map(row.get, columns)] for row in fold.rows)
    write_text(path, stream.getvalue())


def summarise_folds(folds: Sequence[FoldResults], config: ReportConfig, seed: int) -> dict[str, Any]:
    """Summarise every metric of every class, over all cases and between the folds.

    Args:
        folds: The results, one entry per fold.
        config: Resamples and coverage of the intervals.
        seed: Seed of the bootstrap.

    Returns:
        ``pooled``: the statistics over all cases, by class; ``folds``: for each fold the counts and means, by class;
        ``between_folds``: mean and standard deviation of the folds' means, by class and metric.
    """
    every_row = [class_result_of(row) for fold in folds for row in fold.rows]
    pooled = summarise_results(every_row, config, seed)
    entries = [
        {"fold": fold.fold, "run_id": fold.run_id, "classes": _fold_means(fold, config, seed)}
        for fold in folds
    ]
    return {"pooled": pooled, "folds": entries, "between_folds": _between_folds(pooled, entries)}


def _fold_means(fold: FoldResults, config: ReportConfig, seed: int) -> dict[str, Any]:
    summary = summarise_results([class_result_of(row) for row in fold.rows], config, seed)
    return {
        name: {
            **{key: value for key, value in of_class.items() if key != "metrics"},
            "means": {column: statistics["mean"] for column, statistics in of_class["metrics"].items()},
        }
        for name, of_class in summary.items()
    }


def _between_folds(pooled: dict[str, Any], folds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: {
            column: _spread([fold["classes"][name]["means"][column] for fold in folds])
            for column in of_class["metrics"]
        }
        for name, of_class in pooled.items()
    }


def _spread(means: Sequence[float | None]) -> dict[str, Any]:
    """Return mean and standard deviation (n - 1) of the folds' means that are defined."""
    defined = [mean for mean in means if mean is not None]
    return {
        "n_folds": len(defined),
        "mean": float(np.mean(defined)) if defined else None,
        "sd": float(np.std(defined, ddof=1)) if len(defined) > 1 else None,
    }
