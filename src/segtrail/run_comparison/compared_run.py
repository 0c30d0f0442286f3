"""What a comparison reads of a run folder; all but ``run.json`` and the table of cases may be missing, and is noted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from segtrail.errors import InputError
from segtrail.evaluation.evaluate import ClassResult
from segtrail.evaluation.records import class_result_of, read_case_table
from segtrail.provenance.folder import FILE_NAME as PROVENANCE_FILE
from segtrail.provenance.folder import FOLDER as PROVENANCE
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import fingerprint
from segtrail.record.recorded_training import CONFIGURATION_FILE
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.run_folder import read_json
from segtrail.report.dataset_schema import MeasuredDataset
from segtrail.report.record_schema import EpochRow, MetricsSummary, Provenance, RecordPart, RunRecord
from segtrail.report.run_contents import read_config, read_json_file, read_table
from segtrail.report.tolerant_reader import TolerantReader

CASE_TABLE = "metrics_cases.csv"


class Package(RecordPart):
    """An installed package."""

    name: str
    version: str
    record_sha256: str | None = None


class Packages(RecordPart):
    """``provenance/packages.json``."""

    packages: list[Package] = Field(default_factory=list)


@dataclass(frozen=True)
class ComparedRun:
    """A run, and what it is called in the comparison.

    Attributes:
        name: A capital letter; A is the run that the others are compared with.
        folder: The run folder.
        record: ``run.json``.
        state: The same as plain values.
        results: The rows of ``metrics_cases.csv``.
        metrics: ``metrics_summary.json``; this and all below is None or empty where it can't be read.
        dataset: ``dataset_summary.json``.
        config: ``config_resolved.yaml``.
        training_configuration: What an adapter read of another program's settings.
        history: ``history.csv``.
        provenance: ``provenance/provenance.json``.
        packages: ``provenance/packages.json``.
        fingerprint: The run's fingerprint.
        problems: What could not be read, in sentences.
    """

    name: str
    folder: Path
    record: RunRecord
    state: Mapping[str, Any]
    results: Sequence[ClassResult]
    metrics: MetricsSummary | None = None
    dataset: MeasuredDataset | None = None
    config: Mapping[str, Any] | None = None
    training_configuration: Mapping[str, Any] | None = None
    history: Sequence[EpochRow] = ()
    provenance: Provenance | None = None
    packages: Packages | None = None
    fingerprint: str | None = None
    problems: Sequence[str] = field(default_factory=tuple)

    @property
    def run_id(self) -> str:
        """The ID on record."""
        return self.record.run_id

    @property
    def is_recorded(self) -> bool:
        """Whether another program trained."""
        return self.record.recorded is not None

    @property
    def last_stage(self) -> list[EpochRow]:
        """The epochs of the network whose result counts."""
        if not self.history:
            return []
        stages = [entry.stage for entry in self.record.stages]
        last = stages[-1] if stages else self.history[-1].stage
        return [row for row in self.history if row.stage == last]


def read_compared_run(name: str, folder: Path) -> ComparedRun:
    """Read what a comparison needs of a run.

    Args:
        name: What it is called.
        folder: The run folder.

    Returns:
        The run.

    Raises:
        InputError: ``run.json`` or ``metrics_cases.csv`` is missing or damaged, or holds no case.
    """
    record = read_json_file(folder / "run.json", RunRecord)
    if record is None:
        raise InputError(f"The run {folder.name} has no run.json.")
    reader = TolerantReader(folder)
    return ComparedRun(
        name,
        folder,
        record,
        read_json(folder / "run.json"),
        _read_results(folder, record),
        reader.read("metrics_summary.json", lambda path: read_json_file(path, MetricsSummary), needed=True),
        problems=reader.problems,
        **_read_the_rest(reader, record),
    )


def _read_the_rest(reader: TolerantReader, record: RunRecord) -> dict[str, Any]:
    own = record.recorded is None
    packages = f"{PROVENANCE}/packages.json"
    return {
        "dataset": reader.read(
            "dataset_summary.json", lambda path: read_json_file(path, MeasuredDataset), needed=own
        ),
        "config": reader.read(CONFIG_FILE, read_config, needed=own),
        "training_configuration": reader.read(CONFIGURATION_FILE, _read_plain),
        "history": reader.read("history.csv", lambda path: read_table(path, EpochRow), needed=own) or [],
        "provenance": reader.read(
            f"{PROVENANCE}/{PROVENANCE_FILE}", lambda path: read_json_file(path, Provenance), needed=True
        ),
        "packages": reader.read(packages, lambda path: read_json_file(path, Packages), needed=True),
        "fingerprint": reader.read(MANIFEST, lambda path: fingerprint(path.parent)),
    }


def _read_results(folder: Path, record: RunRecord) -> list[ClassResult]:
    if not (folder / CASE_TABLE).exists():
        raise InputError(
            f"The run {record.run_id} can't be compared: it has no {CASE_TABLE}, so no case of it was measured "
            f"({_why(record)})."
        )
    results = [class_result_of(row) for row in read_case_table(folder / CASE_TABLE)]
    if not results:
        raise InputError(f"The run {record.run_id} can't be compared: its {CASE_TABLE} holds no case.")
    keys = [(result.case, result.split, result.class_name) for result in results]
    twice = next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None
    if twice is not None:
        raise InputError(
            f"{CASE_TABLE} of the run {record.run_id} is damaged: {twice[0]}, {twice[2]} stands there twice."
        )
    return results


def _why(record: RunRecord) -> str:
    if record.recorded is not None:
        return "it is the record of another program's training, whose label maps were not named or not made"
    if record.status == "running":
        return "it is still in training, or was killed; `segtrail resume` goes on with it"
    if record.status == "finished":
        return "although it is finished; restore the file from a copy of the run folder"
    return f"its status is {record.status}; `segtrail resume` goes on with it"


def _read_plain(path: Path) -> Mapping[str, Any]:
    return read_json(path)
