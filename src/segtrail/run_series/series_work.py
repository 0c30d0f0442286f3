"""A series of runs in hand, and what tells one kind of series from another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from segtrail.config.schema import Config
from segtrail.progress import Narrator
from segtrail.record.run_folder import RunFolder
from segtrail.record.run_series import SeriesFolder, SeriesRecord


class SeriesKind(Protocol):
    """What a run of a series is: a fold, a seed."""

    plural: str

    def name(self, record: Any, entry: Any) -> str:
        """Return what an entry is called, with its place, as the begin of a sentence."""

    def describe(self, entry: Any) -> str:
        """Say what its run does, after a colon."""

    def configure(self, config: Config, entry: Any) -> Config:
        """Return the configuration of its run."""

    def is_its_run(self, entry: Any, rows: list[dict[str, str]], run_dir: Any) -> str | None:
        """Return why a finished run is not that of the entry, as a sentence; None where it is."""


@dataclass(frozen=True)
class SeriesWork:
    """A series in hand; its record changes, and is written after each change.

    Attributes:
        folder: Its folder.
        record: Its record.
        kind: What its runs are.
        config: Its configuration.
        command: The command line that trains it.
        narrator: Hears of all that happens.
        on_sealed: Is given each run when that is sealed.
    """

    folder: SeriesFolder[Any]
    record: SeriesRecord
    kind: SeriesKind
    config: Config
    command: list[str]
    narrator: Narrator
    on_sealed: Callable[[RunFolder], None]

    def name(self, entry: Any) -> str:
        """Return what an entry is called, with its place."""
        return self.kind.name(self.record, entry)

    def progress(self) -> str:
        """Say how many runs are done, without an end."""
        return f"{self.record.n_finished} of {len(self.record.entries)} {self.kind.plural} are done"
