"""What came of a training with several seeds: files that put the runs together, and the table to print."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segtrail.atomic import write_bytes, write_json, write_text
from segtrail.dataset.names import shown
from segtrail.record.run_folder import read_json
from segtrail.record.seeds import SeedsFolder, SeedsRecord
from segtrail.record.table import read_rows
from segtrail.report.wording import format_number
from segtrail.seed_series.curves import draw_curves

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class SeedsResult:
    """A series of seeds that came to its end.

    Attributes:
        folder: Its folder.
        record: The content of ``seeds.json``.
        summary: The content of ``metrics_summary.json``.
    """

    folder: SeedsFolder
    record: SeedsRecord
    summary: Mapping[str, Any]

    def as_mapping(self) -> dict[str, Any]:
        """Return record, summary and folder as plain values."""
        record = self.record.model_dump(mode="json")
        return {**record, "seeds_dir": str(self.folder.path), "summary": dict(self.summary)}

    def table(self) -> list[str]:
        """Return the means of every seed, and their mean and standard deviation, as lines of text in columns."""
        units = {
            column: definition["unit"]
            for column, definition in self.summary["definitions"].items()
            if column in ("dice", "hd95_mm") or column.startswith("nsd_")
        }
        names = [self.summary["definitions"][column]["name"] for column in units]
        titles = [
            f"{name} ({unit})" if unit else name for name, unit in zip(names, units.values(), strict=True)
        ]
        rows = [("seed", "side", "class", *titles)]
        for side, classes in self.summary["between_seeds"].items():
            for name, metrics in classes.items():
                for seed in self.summary["seeds"]:
                    means = seed["splits"][side][name]
                    rows.append(_row(str(seed["seed"]), side, name, means, units))
                for title in ("mean", "sd", "min", "max"):
                    values = {column: metrics[column][title] for column in units}
                    rows.append(_row(title, side, name, values, units))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return [
            "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]


def put_together(folder: SeedsFolder, record: SeedsRecord) -> SeedsResult:
    """Put the runs of all seeds together: one history, one summary, one picture of all curves.

    Args:
        folder: Where they are written.
        record: All its seeds are finished.

    Returns:
        The result.

    Raises:
        InputError: A file of a run can't be read.
        OSError: A file can't be written.
    """
    runs = {entry.seed: folder.output_root / "runs" / str(entry.run_id) for entry in record.seeds}
    summaries = {seed: read_json(run / "metrics_summary.json") for seed, run in runs.items()}
    first = next(iter(summaries.values()))
    seeds = [
        {"seed": seed, "run_id": runs[seed].name, "splits": _means(summary)}
        for seed, summary in summaries.items()
    ]
    summary = {
        "schema_version": SCHEMA_VERSION,
        "seeds_id": folder.series_id,
        "n_seeds": len(seeds),
        "checkpoint": first["checkpoint"],
        "definitions": first["definitions"],
        "seeds": seeds,
        "between_seeds": _between_seeds(seeds),
    }
    histories = {seed: read_rows(run / "history.csv") for seed, run in runs.items()}
    _write_history(folder.history, histories, {seed: run.name for seed, run in runs.items()})
    write_bytes(folder.curves, draw_curves(histories))
    write_json(folder.summary_file, summary)
    return SeedsResult(folder, record, summary)


def _means(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mean of each metric, by side and class, as the run reports it."""
    return {
        side: {
            name: {column: statistics["mean"] for column, statistics in of_class["metrics"].items()}
            for name, of_class in classes.items()
        }
        for side, classes in summary["splits"].items()
    }


def _between_seeds(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = seeds[0]["splits"]
    return {
        side: {
            name: {
                column: _spread([seed["splits"][side][name][column] for seed in seeds]) for column in of_class
            }
            for name, of_class in classes.items()
        }
        for side, classes in first.items()
    }


def _spread(means: Sequence[float | None]) -> dict[str, Any]:
    """Return mean, standard deviation (n - 1) and range of the seeds' means that are defined."""
    defined = [mean for mean in means if mean is not None]
    return {
        "n_seeds": len(defined),
        "mean": float(np.mean(defined)) if defined else None,
        "sd": float(np.std(defined, ddof=1)) if len(defined) > 1 else None,
        "min": min(defined, default=None),
        "max": max(defined, default=None),
    }


def _write_history(
    path: Path, histories: Mapping[int, Sequence[Mapping[str, str]]], run_ids: Mapping[int, str]
) -> None:
    """Write the rows of all runs, each with its seed and run in front, cell by cell as the runs hold them."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    columns = list(next(iter(histories.values()))[0])
    writer.writerow(["seed", "run_id", *columns])
    for seed, rows in histories.items():
        writer.writerows([seed, run_ids[seed], *map(row.get, columns)] for row in rows)
    write_text(path, stream.getvalue())


def _row(
    title: str, side: str, name: str, values: Mapping[str, float | None], units: Mapping[str, str]
) -> tuple[str, ...]:
    return (
        title,
        side,
        shown(name),
        *(format_number(values[column], unit) for column, unit in units.items()),
    )
