"""The record of a training repeated with several seeds: its folder, and ``seeds.json`` which says how far it is."""

from collections.abc import Sequence
from pathlib import Path

from segtrail.record.run_series import SeriesEntry, SeriesFolder, SeriesRecord


class SeedEntry(SeriesEntry):
    """One seed, and the run that was trained with it; see ``docs/seeds.md``."""

    seed: int


class SeedsRecord(SeriesRecord):
    """The content of ``seeds.json``; see ``docs/seeds.md``."""

    seeds_id: str
    seeds: list[SeedEntry]

    @property
    def entries(self) -> Sequence[SeedEntry]:
        """The seeds."""
        return self.seeds


class SeedsFolder(SeriesFolder[SeedsRecord]):
    """Where the runs of several seeds are put together.

    Args:
        path: The folder, ``OUTPUT_ROOT/seeds/SEEDS_ID``.
    """

    KIND = "seeds"
    TITLE = "series of seeds"
    RECORD = SeedsRecord

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.history = path / "history.csv"
        self.curves = path / "curves.svg"
