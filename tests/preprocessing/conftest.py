"""A cache of preprocessed volumes over a small data set."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from segtrail.config.schema import PreprocessConfig
from segtrail.dataset.description import read_description
from segtrail.dataset.reading.scan import CaseScan, scan_dataset
from segtrail.preprocessing.cache import PreparedCase, VolumeCache


@dataclass
class CachedDataset:
    """A data set, read and checked, and a cache that prepares its cases."""

    root: Path
    cache: VolumeCache
    scans: dict[str, CaseScan]

    def prepare(self, case: str, config: PreprocessConfig) -> tuple[PreparedCase, bool]:
        """Prepare one case; tells whether it was there already."""
        return self.cache.prepare(self.root, read_description(self.root).case(case), self.scans[case], config)

    def key(self, case: str, config: PreprocessConfig) -> str:
        """Name the entry of a case."""
        return self.cache.key(self.scans[case], config)

    def limit(self, entries: float, config: PreprocessConfig) -> VolumeCache:
        """Return a cache over the same folder that has room for so many entries and a little more."""
        self.prepare("case_0", config)
        folder = self.cache.root / self.key("case_0", config)
        size = sum(file.stat().st_size for file in folder.iterdir())
        return VolumeCache(self.cache.root, (entries + 0.2) * size / 1e9)


@pytest.fixture
def cached(make_dataset, tmp_path: Path) -> Callable[..., CachedDataset]:
    """Make a data set of balls with an empty cache beside it."""

    def make(folder=None, **cases) -> CachedDataset:
        folder = folder or make_dataset(**cases)
        scans = {scan.case: scan for scan in scan_dataset(read_description(folder.root), 0.1)}
        return CachedDataset(folder.root, VolumeCache(tmp_path / "cache", 50.0), scans)

    return make
