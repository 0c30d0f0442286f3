"""What a run folder says, read from its files alone and checked while it is read."""

import csv
import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from segtrail.config.quick_yaml import load_quickly, load_sections
from segtrail.errors import InputError
from segtrail.provenance.folder import FILE_NAME, FOLDER
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.manifest import fingerprint
from segtrail.record.recorded_training import CONFIGURATION_FILE
from segtrail.record.run_folder import SHARE_FILE
from segtrail.record.uses_of_test_set import FILE_NAME as USES_FILE
from segtrail.report.card_text import CardText, read_card_text
from segtrail.report.dataset_schema import DatasetOutline, DatasetSummary
from segtrail.report.record_schema import (
    Calibration,
    CaseRow,
    EpochRow,
    ExampleList,
    Inference,
    MetricsSummary,
    Model,
    Provenance,
    Regions,
    RunRecord,
    Share,
    UsesOfTestSet,
)

_NEWEST_SCHEMA = 1
_Model = TypeVar("_Model", bound=BaseModel)


class _AnyValues(BaseModel):
    """A file of whose keys nothing is known."""

    model_config = ConfigDict(extra="allow")

    schema_version: int


@dataclass(frozen=True)
class Stage:
    """One of the networks of a run that work one after the other.

    Attributes:
        name: Its name.
        model: The network; None where it is not recorded.
        history: Its epochs.
        planned_epochs: How many were planned; None where the configuration does not say.
        keeps_last: Whether the last epoch was to be taken, whatever its score.
    """

    name: str
    model: Model | None
    history: list[EpochRow]
    planned_epochs: int | None
    keeps_last: bool


@dataclass(frozen=True)
class RunContents:
    """The readable parts of a run folder; None or empty where a part is not there.

    Attributes:
        folder: The run folder.
        run: run.json.
        history: The rows of history.csv, of all stages.
        dataset: dataset_summary.json.
        cases: The rows of metrics_cases.csv; None without the file.
        metrics: metrics_summary.json.
        examples: examples/examples.json; None without the file.
        config: config_resolved.yaml.
        regions: regions.json; None without the file, as in a run with one stage.
        inference: inference.json.
        calibration: calibration.json; None without the file, as in runs of older versions and of other programs.
        provenance: provenance/provenance.json; None without the file, as in runs of older versions.
        test_uses: test_uses.json; None without the file, as in runs without test cases.
        training_configuration: training_configuration.json; None without the file, as in runs of segtrail itself.
        card: What model_card.md says of use and limitations; None without the file.
        fingerprint: The SHA-256 of manifest.json; None before the files of the run are listed.
        share: share.json; None in a run, there only in a copy that was made for use elsewhere.
    """

    folder: Path
    run: RunRecord
    history: list[EpochRow]
    dataset: DatasetSummary | None
    cases: list[CaseRow] | None
    metrics: MetricsSummary | None
    examples: ExampleList | None
    config: Mapping[str, Any] | None
    regions: Regions | None = None
    inference: Inference | None = None
    calibration: Calibration | None = None
    provenance: Provenance | None = None
    test_uses: UsesOfTestSet | None = None
    training_configuration: Mapping[str, Any] | None = None
    card: CardText | None = None
    fingerprint: str | None = None
    share: Share | None = None

    @property
    def stages(self) -> list[Stage]:
        """The stages in the order of work; one where the run names none."""
        models: dict[str, Model | None] = {entry.stage: entry for entry in self.run.stages}
        if len(models) < 2:
            return [self._stage(next(iter(models), ""), self.run.model, self.history)]
        return [self._stage(name, model, self._history_of(name)) for name, model in models.items()]

    @property
    def helpers(self) -> dict[str, list[EpochRow]]:
        """The epochs of networks that were trained on the way and belong to no stage, by name."""
        if len(self.run.stages) < 2:
            return {}
        known = {entry.stage for entry in self.run.stages}
        names = dict.fromkeys(row.stage for row in self.history if row.stage not in known)
        return {name: self._history_of(name) for name in names}

    def _stage(self, name: str, model: Model | None, history: list[EpochRow]) -> Stage:
        train = _train_section(self.config, name)
        planned = train.get("max_epochs")
        return Stage(
            name, model, history, planned if isinstance(planned, int) else None, train.get("keep") == "last"
        )

    def _history_of(self, stage: str) -> list[EpochRow]:
        return [row for row in self.history if row.stage == stage]


def read_run(run_dir: Path) -> RunContents:
    """Read a run folder.

    Args:
        run_dir: The run folder; only its run.json has to be there.

    Returns:
        All that its files say.

    Raises:
        InputError: There is no run.json, or a file is damaged or of a newer schema.
    """
    run = read_json_file(run_dir / "run.json", RunRecord)
    if run is None:
        raise InputError(
            f"{run_dir} holds no run.json, so it is no run folder. "
            "A run folder is named like run_20261123_231500 and lies under outputs/runs."
        )
    return RunContents(
        folder=run_dir,
        run=run,
        history=read_table(run_dir / "history.csv", EpochRow) or [],
        dataset=read_json_file(run_dir / "dataset_summary.json", DatasetSummary),
        cases=read_table(run_dir / "metrics_cases.csv", CaseRow),
        metrics=read_json_file(run_dir / "metrics_summary.json", MetricsSummary),
        examples=read_json_file(run_dir / "examples" / "examples.json", ExampleList),
        config=read_config(run_dir / "config_resolved.yaml"),
        regions=read_json_file(run_dir / "regions.json", Regions),
        inference=read_json_file(run_dir / "inference.json", Inference),
        calibration=read_json_file(run_dir / "calibration.json", Calibration),
        provenance=read_json_file(run_dir / FOLDER / FILE_NAME, Provenance),
        test_uses=read_json_file(run_dir / USES_FILE, UsesOfTestSet),
        training_configuration=_read_training_configuration(run_dir / CONFIGURATION_FILE),
        card=read_card_text(run_dir),
        fingerprint=fingerprint(run_dir) if (run_dir / MANIFEST).is_file() else None,
        share=read_json_file(run_dir / SHARE_FILE, Share),
    )


def _train_section(config: Mapping[str, Any] | None, stage: str) -> Mapping[str, Any]:
    """Look up how a stage was to be trained; a configuration of one stage need not name it."""
    sections: Any = config or {}
    keys = ("stages", stage, "train") if sections.get("stages") else ("train",)
    for key in keys:
        sections = sections.get(key) if isinstance(sections, Mapping) else None
    return sections if isinstance(sections, Mapping) else {}


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise _damaged(path, "it is not text in UTF-8") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from None


def read_json_file(path: Path, model: type[_Model]) -> _Model | None:
    """Read a JSON file of a run; None where it is not there.

    Raises:
        InputError: It is damaged or of a newer schema.
    """
    text = _read_text(path)
    if text is None:
        return None
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise _damaged(path, f"line {error.lineno} is not valid JSON") from None
    except (ValueError, RecursionError):  # numbers of thousands of digits, deep nesting
        raise _damaged(path, "it is no JSON that can be read") from None
    if not isinstance(values, dict):
        raise _damaged(path, "it holds no JSON object")
    _check_schema_version(path, values.get("schema_version"))
    return _validated(path, model, values, "")


def read_outline(path: Path) -> DatasetOutline | None:
    """Read dataset_summary.json in short, as ``read_json_file`` does, without making objects of all else.

    Raises:
        InputError: It is damaged or of a newer schema.
    """
    text = _read_text(path)
    try:
        outline = None if text is None else _outline(text)
    except ValidationError:
        return read_json_file(path, DatasetOutline)  # which says what is wrong
    if outline is not None:
        _check_schema_version(path, outline.schema_version)
    return outline


@lru_cache(maxsize=32)
def _outline(text: str) -> DatasetOutline:
    """Take an outline from JSON; runs of one data set and split have the same."""
    return DatasetOutline.model_validate_json(text)


def _read_training_configuration(path: Path) -> Mapping[str, Any] | None:
    values = read_json_file(path, _AnyValues)
    return None if values is None else dict(values.model_extra or {})


def read_table(path: Path, model: type[_Model], *, is_growing: bool = False) -> list[_Model] | None:
    """Read a table of a run; None where it is not there.

    Args:
        path: The table.
        model: What a row holds.
        is_growing: Whether another program may be writing its last line just now, which is passed over then.

    Raises:
        InputError: It is damaged or of a newer schema.
    """
    text = _read_text(path)
    if text is None:
        return None
    if is_growing:
        text = text[: text.rfind("\n") + 1]
    rows = []
    reader = csv.DictReader(io.StringIO(text, newline=""))
    for row in reader:
        place = f"line {reader.line_num}"
        if None in row or None in row.values():
            raise _damaged(path, f"{place} has not as many values as the header has columns")
        _check_schema_version(path, row.get("schema_version"))
        rows.append(_validated(path, model, {key: value for key, value in row.items() if value != ""}, place))
    return rows


def read_config(path: Path, sections: Collection[str] | None = None) -> Mapping[str, Any] | None:
    """Read ``config_resolved.yaml`` as plain values; None where it is not there.

    Args:
        path: The file.
        sections: The sections that are needed, which is quicker; None for all.

    Raises:
        InputError: It is damaged.
    """
    text = _read_text(path)
    if text is None:
        return None
    try:
        values = load_quickly(text) if sections is None else load_sections(text, sections)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise _damaged(path, "it is not valid YAML") from None
    if not isinstance(values, dict):
        raise _damaged(path, "it holds no sections")
    return values


def _check_schema_version(path: Path, version: object) -> None:
    if str(version) == str(_NEWEST_SCHEMA):
        return
    if str(version).isdigit() and int(str(version)) > _NEWEST_SCHEMA:
        raise InputError(
            f"{path} has schema_version {version}; this segtrail reads up to {_NEWEST_SCHEMA}. "
            "Install the segtrail that made the run, or a newer one."
        )
    raise _damaged(path, f"its schema_version is {version!r} where {_NEWEST_SCHEMA} is expected")


def _validated(path: Path, model: type[_Model], values: Mapping[str, Any], place: str) -> _Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ", ".join(filter(None, [place, ".".join(map(str, first["loc"]))]))
        raise _damaged(path, f"at {where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


def _damaged(path: Path, problem: str) -> InputError:
    return InputError(
        f"{path} is damaged: {problem}. Restore the file from a copy of the run folder; "
        "`segtrail evaluate` and `segtrail train` make new ones."
    )
