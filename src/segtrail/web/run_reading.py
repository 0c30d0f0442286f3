"""A run as a page needs it: what can be read of its folder, and what could not be, in sentences."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import fingerprint
from segtrail.report.card_text import read_card_text
from segtrail.report.dataset_schema import DatasetSummary
from segtrail.report.record_schema import (
    CaseRow,
    EpochRow,
    ExampleList,
    MetricsSummary,
    Provenance,
    RunRecord,
)
from segtrail.report.run_contents import RunContents, read_config, read_json_file, read_table
from segtrail.report.tolerant_reader import TolerantReader


@dataclass(frozen=True)
class ReadRun:
    """What could be read of a run folder.

    Attributes:
        folder: The run folder.
        contents: Its contents; None where ``run.json`` can't be read. Parts that can't be read are left out.
        problems: What could not be read, in sentences.
    """

    folder: Path
    contents: RunContents | None
    problems: list[str]

    @property
    def is_training(self) -> bool:
        """Whether the record says that the run has not ended."""
        return self.contents is not None and self.contents.run.status == "running"


def read_for_page(folder: Path) -> ReadRun:
    """Read a run folder, whatever state it is in.

    Args:
        folder: The folder; it may lack any file, or vanish.
    """
    reader = TolerantReader(folder)
    run = reader.read("run.json", lambda path: read_json_file(path, RunRecord))
    if run is None:
        if not reader.problems:
            reader.problems.append(
                "run.json is missing, so this folder is no run, or one that lost its record."
            )
        return ReadRun(folder, None, reader.problems)
    parts = _read_parts(reader, is_growing=run.status != "finished")
    ended_well = run.status == "finished" and run.recorded is None
    for name in ("history.csv", "metrics_cases.csv", "metrics_summary.json") if ended_well else ():
        if name in reader.missing:
            reader.problems.append(f"{name} is missing.")
    return ReadRun(folder, RunContents(folder=folder, run=run, **parts), reader.problems)


def _read_parts(reader: TolerantReader, *, is_growing: bool) -> dict[str, Any]:
    return {
        "history": reader.read("history.csv", lambda path: read_table(path, EpochRow, is_growing=is_growing))
        or [],
        "dataset": reader.read("dataset_summary.json", lambda path: read_json_file(path, DatasetSummary)),
        "cases": reader.read("metrics_cases.csv", lambda path: read_table(path, CaseRow)),
        "metrics": reader.read("metrics_summary.json", lambda path: read_json_file(path, MetricsSummary)),
        "examples": reader.read("examples/examples.json", lambda path: read_json_file(path, ExampleList)),
        "config": reader.read("config_resolved.yaml", read_config),
        "provenance": reader.read(
            "provenance/provenance.json", lambda path: read_json_file(path, Provenance)
        ),
        "card": reader.read("model_card.md", lambda path: read_card_text(path.parent)),
        "fingerprint": reader.read(MANIFEST, lambda path: fingerprint(path.parent)),
    }
