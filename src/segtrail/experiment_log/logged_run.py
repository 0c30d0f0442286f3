"""What one run folder says for a row of the experiment log; what can't be read is noted and leaves a gap."""

import math
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from segtrail.errors import InputError
from segtrail.record.history import Progress, read_progress
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import Entry, find_entries
from segtrail.record.manifest import ADDENDA, fingerprint
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.record.notes import NOTED, Note, list_notes, note_of_line, read_note
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE
from segtrail.record.seal import SEALED
from segtrail.record.signoff import Signoff, list_signoffs, read_signoff
from segtrail.report.dataset_schema import DatasetOutline
from segtrail.report.record_schema import MetricsSummary, RunRecord
from segtrail.report.run_contents import read_config, read_json_file, read_outline

UNREADABLE = "unreadable"
_ONLY_STAGE = "main"
_SECTIONS = ("project", "preprocess", "patch", "train", "optim", "stages")
_MOST_VALUES = 10
_Content = TypeVar("_Content")


class LoggedRun:
    """A run folder; each of its files is read when a column asks for it.

    Args:
        folder: The folder.

    Attributes:
        problems: What could not be read so far, in sentences.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []

    @cached_property
    def record(self) -> RunRecord | None:
        """``run.json``."""
        return self._read(self.folder / "run.json", lambda path: read_json_file(path, RunRecord), needed=True)

    @property
    def run_id(self) -> str:
        """The ID on record; the name of the folder where there is none."""
        return self.folder.name if self.record is None else self.record.run_id

    @property
    def status(self) -> str:
        """The state on record, or that it can't be read."""
        return UNREADABLE if self.record is None else self.record.status

    @property
    def is_finished(self) -> bool:
        """Whether the record says so."""
        return self.status == "finished"

    @property
    def is_recorded(self) -> bool:
        """Whether it is the record of another program's training, which need not have all files."""
        return self.record is not None and self.record.recorded is not None

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The sections of ``config_resolved.yaml`` that a row speaks of."""
        path = self.folder / CONFIG_FILE
        read = partial(read_config, sections=_SECTIONS)
        return self._read(path, read, needed=not self.is_recorded) or {}

    @cached_property
    def metrics(self) -> MetricsSummary | None:
        """``metrics_summary.json``; an unfinished run need not have it."""
        name = "metrics_summary.json"
        return self._read(
            self.folder / name,
            lambda path: read_json_file(path, MetricsSummary),
            needed=self.is_finished and not self.is_recorded,
        )

    @cached_property
    def dataset(self) -> DatasetOutline | None:
        """``dataset_summary.json``, in short."""
        path = self.folder / "dataset_summary.json"
        return self._read(path, read_outline, needed=not self.is_recorded)

    @cached_property
    def progress(self) -> Progress:
        """How far the training is, by ``history.csv``."""
        needed = self.is_finished and not self.is_recorded
        return self._read(self.folder / "history.csv", read_progress, needed=needed) or Progress({}, None)

    @property
    def epochs(self) -> dict[str, int]:
        """How many epochs each stage was trained, without the networks on the way."""
        counted = self.progress.epochs
        stages = [] if self.record is None else [entry.stage for entry in self.record.stages]
        return {stage: counted.get(stage, 0) for stage in stages} if stages else dict(counted)

    @cached_property
    def seal(self) -> Entry | None:
        """The seal; None where the run is not sealed."""
        return next((entry for entry in reversed(self._entries) if entry.action == SEALED), None)

    @cached_property
    def fingerprint(self) -> str | None:
        """The fingerprint of a sealed run."""
        if self.seal is None:
            return None
        found = self._read(self.folder / MANIFEST, lambda path: fingerprint(path.parent), needed=True)
        if found is not None and found != self.seal.details.get("manifest_sha256"):
            self.problems.append(f"{MANIFEST} is not the one that was sealed. `segtrail verify` says all.")
        return found

    @cached_property
    def notes(self) -> list[Note]:
        """The note that was given at the start, then later ones."""
        notes = []
        if self.record is not None and self.record.note:
            created = f"{self.record.created_utc:%Y-%m-%dT%H:%M:%SZ}"
            by = self.record.operator
            notes.append(Note(run_id=self.run_id, text=self.record.note, written_by=by, written_utc=created))
        notes += [note_of_line(entry, self.run_id) for entry in self._entries if entry.action == NOTED]
        return notes + self._read_all(list_notes, read_note)

    @cached_property
    def signoffs(self) -> list[Signoff]:
        """Who signed the run off."""
        return self._read_all(list_signoffs, read_signoff)

    def setting_of_run(self, section: str, key: str) -> Any:
        """Return a value of the configuration that all stages share."""
        return _value_at(self.config, section, key)

    def setting(self, section: str, key: str) -> dict[str, Any]:
        """Return a value of the configuration for each stage that has a plain one, by the stage's name."""
        stages = self.config.get("stages") or {_ONLY_STAGE: self.config}
        if not isinstance(stages, Mapping):
            return {}
        values = {str(name): _value_at(stage, section, key) for name, stage in stages.items()}
        return {name: value for name, value in values.items() if value is not None}

    @cached_property
    def _entries(self) -> list[Entry]:
        """The lines of the journal that a row speaks of; runs of older versions have none."""
        return (
            self._read(self.folder / JOURNAL, lambda path: find_entries(path, (NOTED, SEALED)), needed=False)
            or []
        )

    def _read_all(
        self, find: Callable[[Path], list[Path]], read: Callable[[Path], _Content]
    ) -> list[_Content]:
        try:
            paths = find(self.folder)
        except OSError as error:
            self.problems.append(f"{ADDENDA} can't be read: {error.strerror}.")
            return []
        found = [self._read(path, read, needed=False) for path in paths]
        return [statement for statement in found if statement is not None]

    def _read(self, path: Path, read: Callable[[Path], _Content], *, needed: bool) -> _Content | None:
        """Read a file, but no pipe, which would wait for ever; note why it can't be read."""
        name = path.relative_to(self.folder).as_posix()
        try:
            if path.is_file():
                return read(path)
            if path.exists():
                self.problems.append(f"{name} is no file.")
            elif needed:
                self.problems.append(f"{name} is missing.")
        except InputError as error:
            self.problems.append(str(error))
        except OSError as error:
            self.problems.append(f"{name} can't be read: {error.strerror}.")
        return None


def _value_at(stage: Any, section: str, key: str) -> Any:
    """Return a number, a word or a short list of them; a file that was edited may hold anything."""
    values = stage.get(section) if isinstance(stage, Mapping) else None
    value = values.get(key) if isinstance(values, Mapping) else None
    if isinstance(value, list):
        return value if len(value) <= _MOST_VALUES and all(map(_is_plain, value)) else None
    return value if _is_plain(value) else None


def _is_plain(value: Any) -> bool:
    return isinstance(value, (int, str)) or (isinstance(value, float) and math.isfinite(value))
