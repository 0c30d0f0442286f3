"""What came of a cross-validation: files that pool the folds, and the table to print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segtrail.atomic import write_json
from segtrail.config.schema import Config
from segtrail.dataset.names import shown
from segtrail.evaluation.pooling import FoldResults, summarise_folds, write_pooled_table
from segtrail.evaluation.records import (
    SELECTION_CAUTION,
    class_result_of,
    describe_bootstrap,
    read_case_table,
)
from segtrail.record.cross_validation import CrossValidationFolder, CrossValidationRecord
from segtrail.record.run_folder import read_json
from segtrail.report.wording import format_count, format_number

SCHEMA_VERSION = 1
_Row = tuple[str, ...]


@dataclass(frozen=True)
class CrossValidationResult:
    """A cross-validation that came to its end.

    Attributes:
        folder: Its folder.
        record: The content of ``cv.json``.
        folds: What the runs of the folds measured.
        summary: The content of ``metrics_summary.json``.
    """

    folder: CrossValidationFolder
    record: CrossValidationRecord
    folds: Sequence[FoldResults]
    summary: Mapping[str, Any]

    def as_mapping(self) -> dict[str, Any]:
        """Return record, summary and folder as plain values."""
        record = self.record.model_dump(mode="json")
        return {**record, "cv_dir": str(self.folder.path), "summary": dict(self.summary)}

    def table(self) -> list[str]:
        """Return the results as lines of text.

        Returns:
            In columns: every case, the mean of each fold, the mean over all cases with its interval. Then the caution,
            where the validation cases chose the epoch.
        """
        definitions = {
            column: definition
            for column, definition in self.summary["definitions"].items()
            if column in ("dice", "hd95_mm") or column.startswith("nsd_")
        }
        units = {column: definition["unit"] for column, definition in definitions.items()}
        titles = [
            f"{each['name']} ({each['unit']})" if each["unit"] else each["name"]
            for each in definitions.values()
        ]
        rows = [("fold", "case", "class", *titles, "")]
        rows += self._case_rows(units) + self._fold_rows(units) + self._pooled_rows(units)
        caution = self.summary["selection"]["caution"]
        return [*_aligned(rows), *([caution] if caution else [])]

    def _case_rows(self, units: Mapping[str, str]) -> list[_Row]:
        rows = []
        for fold in self.folds:
            for result in map(class_result_of, fold.rows):
                values = result.metrics.by_column()
                cells = (format_number(values[column], unit) for column, unit in units.items())
                remark = "" if result.metrics.status == "ok" else result.metrics.status
                rows.append((str(fold.fold), shown(result.case), shown(result.class_name), *cells, remark))
        return rows

    def _fold_rows(self, units: Mapping[str, str]) -> list[_Row]:
        return [
            (
                str(fold["fold"]),
                f"mean of {of_class['n']}",
                shown(name),
                *(format_number(of_class["means"][column], unit) for column, unit in units.items()),
                _failed(of_class["n_failed"]),
            )
            for fold in self.summary["folds"]
            for name, of_class in fold["classes"].items()
        ]

    def _pooled_rows(self, units: Mapping[str, str]) -> list[_Row]:
        percent = f"{100 * self.summary['bootstrap']['confidence']:g}%"
        rows: list[_Row] = []
        for name, of_class in self.summary["pooled"].items():
            metrics, spread = of_class["metrics"], self.summary["between_folds"][name]
            means = (format_number(metrics[column]["mean"], unit) for column, unit in units.items())
            intervals = (_interval(metrics[column]["interval"], unit) for column, unit in units.items())
            deviations = (format_number(spread[column]["sd"], unit) for column, unit in units.items())
            failed = _failed(of_class["n_failed"])
            rows.append(("all", f"mean of {of_class['n']}", shown(name), *means, failed))
            rows.append(("all", f"{percent} interval", shown(name), *intervals, ""))
            rows.append(("all", "SD between folds", shown(name), *deviations, ""))
        return rows


def pool_results(
    folder: CrossValidationFolder, record: CrossValidationRecord, config: Config
) -> CrossValidationResult:
    """Pool the results of all folds, and write table and summary.

    Args:
        folder: Where they are written.
        record: All its folds are finished.
        config: The configuration of the folds.

    Returns:
        The result.

    Raises:
        InputError: A file of a run can't be read.
        OSError: A file can't be written.
    """
    folds = []
    for fold in record.folds:
        assert fold.run_id is not None
        rows = read_case_table(folder.output_root / "runs" / fold.run_id / "metrics_cases.csv")
        folds.append(FoldResults(fold.fold, fold.run_id, rows))
    of_a_run = read_json(folder.output_root / "runs" / folds[0].run_id / "metrics_summary.json")
    seed = config.train.seed
    summary = {
        "schema_version": SCHEMA_VERSION,
        "cv_id": folder.series_id,
        "n_folds": record.n_folds,
        "checkpoint": of_a_run["checkpoint"],
        "selection": _describe_selection(config),
        "bootstrap": describe_bootstrap(config.report, seed),
        "definitions": of_a_run["definitions"],
        **summarise_folds(folds, config.report, seed),
    }
    write_pooled_table(folder.case_table, folds)
    write_json(folder.summary_file, summary)
    return CrossValidationResult(folder, record, folds, summary)


def _describe_selection(config: Config) -> dict[str, str | None]:
    """Say whether the validation cases chose the epoch whose weights were measured on them."""
    keep = list(config.stage_configs().values())[-1].train.keep
    return {"keep": keep, "caution": SELECTION_CAUTION if keep == "best" else None}


def _failed(count: int) -> str:
    return format_count(count, "failed", "failed") if count else ""


def _interval(ends: Sequence[float] | None, unit: str) -> str:
    return format_number(None) if ends is None else " to ".join(format_number(end, unit) for end in ends)


def _aligned(rows: Sequence[_Row]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
