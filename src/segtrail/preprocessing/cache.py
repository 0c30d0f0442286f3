"""The cache of preprocessed volumes: memory-mapped, shared between runs, bounded in size.

An entry is a folder named by the hash of everything it depends on: the voxels of image and label, their
place in space, and the parameters. It is built under another name and renamed when whole, so that two
runs may make the same one at once and a kill never leaves half of one.
"""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from segtrail.atomic import write_json
from segtrail.config.schema import PreprocessConfig
from segtrail.dataset.description import CaseFiles
from segtrail.dataset.reading.scan import CaseScan
from segtrail.errors import InputError
from segtrail.images.nifti import read_channels, read_volume
from segtrail.preprocessing.grid import WorkingGrid
from segtrail.preprocessing.leases import lease, leased_entries
from segtrail.preprocessing.prepare import prepare_image, prepare_label, working_grid
from segtrail.record.disk import require_writable

CACHE_FORMAT = 1
_GIGABYTE = 1e9
_BUILDING, _DELETING = ".building", ".deleting"
_LEFTOVER_SECONDS = 24 * 3600.0
_LOCK_SECONDS = 120.0
# Measured: at most 18 for each voxel of the file and of the prepared volume together.
_BYTES_PER_VOXEL = 20


@dataclass(frozen=True)
class PreparedCase:
    """One preprocessed case in the cache; arrays are opened on demand and never loaded whole."""

    case: str
    folder: Path

    def image(self) -> NDArray[np.float32]:
        """Open the image, shape (C, x, y, z), float32, memory-mapped."""
        array: NDArray[np.float32] = np.load(self.folder / "image.npy", mmap_mode="r")
        return array

    def label(self) -> NDArray[np.uint8]:
        """Open the label map, shape (x, y, z), uint8, memory-mapped."""
        array: NDArray[np.uint8] = np.load(self.folder / "label.npy", mmap_mode="r")
        return array

    def lowest_intensity(self) -> NDArray[np.float32]:
        """Return the lowest intensity of each channel, which stands for what lies outside the volume."""
        return np.asarray(self._entry()["lowest_intensity"], dtype=np.float32)

    def _entry(self) -> dict[str, Any]:
        entry: dict[str, Any] = json.loads((self.folder / "entry.json").read_text(encoding="utf-8"))
        return entry

    def foreground(self) -> dict[int, NDArray[np.int64]]:
        """Open the flat indices of the voxels of each class that is there, memory-mapped."""
        positions = np.load(self.folder / "foreground.npy", mmap_mode="r")
        counts = self._entry()["foreground_counts"]
        result, start = {}, 0
        for value, count in counts.items():
            result[int(value)] = positions[start : start + count]
            start += count
        return result


class VolumeCache:
    """The cache folder; see the module's text."""

    def __init__(self, root: Path, limit_gb: float) -> None:
        self._root = root
        self._limit_bytes = limit_gb * _GIGABYTE

    @property
    def root(self) -> Path:
        """The folder that holds the entries."""
        return self._root

    def key(self, scan: CaseScan, config: PreprocessConfig) -> str:
        """Name the entry of a case under a configuration: a hash of all that decides its content."""
        assert scan.image is not None
        assert scan.label is not None
        parameters = config.model_dump(mode="json", exclude={"cache_limit_gb"})
        facts = [scan.image.sha256_voxels, scan.label.sha256_voxels, scan.image.affine]
        text = json.dumps([CACHE_FORMAT, facts, parameters], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @contextmanager
    def claim(self, scans: Iterable[CaseScan], config: PreprocessConfig) -> Iterator[None]:
        """Make room for cases, and keep their entries from other runs for as long as the block lasts.

        One run at a time makes room, so that the limit holds when several start at once.

        Args:
            scans: The cases.
            config: Preprocessing with its spacing resolved.

        Raises:
            InputError: They can't fit, or the folder can't be written.
        """
        wanted = {self.key(scan, config): scan for scan in scans}
        require_writable(self._root, "paths.cache_root", 0)
        with ExitStack() as held:
            try:
                with FileLock(self._root / ".lock", timeout=_LOCK_SECONDS):
                    self.make_room(wanted, config)
                    sizes = {key: _expected_bytes(scan, config) for key, scan in wanted.items()}
                    held.enter_context(lease(self._root, sizes))
            except Timeout:
                raise InputError(
                    f"Another run has been making room in the cache of preprocessed volumes for {_LOCK_SECONDS:g} s. "
                    "Start again when it is done, or set paths.cache_root to a folder of this run's own."
                ) from None
            except (OSError, NotImplementedError) as error:
                raise InputError(
                    f"The cache of preprocessed volumes in {self._root} can't be locked or written: {error}. "
                    "Set paths.cache_root to another disk."
                ) from None
            yield

    def make_room(self, scans: dict[str, CaseScan], config: PreprocessConfig) -> None:
        """Delete the least recently used entries until the cases given fit under the limit.

        Args:
            scans: The cases to be prepared, by the key of their entry.
            config: Preprocessing, for the size to expect.

        Raises:
            InputError: They can't fit, even alone, or the folder can't be written.
        """
        needed = sum(_expected_bytes(scan, config) for scan in scans.values())
        if needed > self._limit_bytes:
            raise InputError(
                f"The preprocessed volumes need {needed / _GIGABYTE:.2f} GB, but preprocess.cache_limit_gb allows "
                f"{self._limit_bytes / _GIGABYTE:g}. Raise it to at least {needed / _GIGABYTE * 1.05:.2f}, "
                "or choose a coarser preprocess.spacing."
            )
        require_writable(self._root, "paths.cache_root", 0)
        _remove_leftovers(self._root)
        self._delete_least_recent(set(scans), needed)
        missing = sum(_expected_bytes(scan, config) for key, scan in scans.items() if not self._has(key))
        require_writable(self._root, "paths.cache_root", missing)

    def _delete_least_recent(self, own: set[str], needed: float) -> None:
        held = leased_entries(self._root)
        others = [entry for entry in _list_entries(self._root) if entry[2].name not in own]
        coming = held.keys() - {entry.name for _, _, entry in others} - own
        used = sum(size for _, size, _ in others) + sum(held[name] for name in coming)
        for _, size, entry in others:
            if used + needed <= self._limit_bytes:
                return
            if entry.name not in held:
                used -= size
                _delete_entry(entry)
        if used + needed > self._limit_bytes:
            raise InputError(
                "The cache of preprocessed volumes is full of entries that are in use, by other runs or another stage "
                f"of this one. Raise preprocess.cache_limit_gb to {(used + needed) / _GIGABYTE:.2f}, or wait for them "
                "to end."
            )

    def _has(self, key: str) -> bool:
        return (self._root / key / "entry.json").is_file()

    def prepare(
        self, root: Path, files: CaseFiles, scan: CaseScan, config: PreprocessConfig
    ) -> tuple[PreparedCase, bool]:
        """Return a case's entry, made now if it is not there.

        Args:
            root: Folder of the data set.
            files: The case's files.
            scan: What reading them gave.
            config: Preprocessing with its spacing resolved.

        Returns:
            The entry, and whether it was there already.

        Raises:
            InputError: The files changed since they were checked, or the disk is full.
        """
        entry = self._root / self.key(scan, config)
        prepared = PreparedCase(files.case, entry)
        if self._has(entry.name):
            with suppress(OSError):  # the time of use is no reason to stop
                os.utime(entry)
            return prepared, True
        building = self._root / f"{entry.name}.{uuid.uuid4().hex[:8]}{_BUILDING}"
        try:
            building.mkdir(parents=True)
            _build(building, root, files, scan, config)
            _publish(building, entry)
        except OSError as error:
            shutil.rmtree(building, ignore_errors=True)
            raise InputError(
                f"{files.case} can't be written to the cache of preprocessed volumes: {error.strerror or error}. "
                "Free some space, or set paths.cache_root to another disk."
            ) from None
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        return prepared, False


def median_spacing_mm(scans: list[CaseScan]) -> tuple[float, float, float]:
    """Return the median spacing of images along RAS x, y, z, rounded to a micrometre."""
    grids = []
    for scan in scans:
        assert scan.image is not None
        grids.append(WorkingGrid.of(np.asarray(scan.image.affine), scan.image.shape, (1.0, 1.0, 1.0)))
    x, y, z = np.median([grid.native_spacing_mm for grid in grids], axis=0)
    return round(float(x), 3), round(float(y), 3), round(float(z), 3)


def _build(folder: Path, root: Path, files: CaseFiles, scan: CaseScan, config: PreprocessConfig) -> None:
    image, label = read_channels(files.image_paths(root)), read_volume(root / files.label)
    assert scan.image is not None
    assert scan.label is not None
    if (image.file_sha256, label.file_sha256) != (scan.image.sha256_file, scan.label.sha256_file):
        raise InputError(f"The files of {files.case} changed while this run was starting. Start it again.")
    grid = working_grid(image, config)
    labels = prepare_label(label, grid)
    prepared = prepare_image(image, grid, config)
    _save_array(folder / "image.npy", prepared)
    _save_array(folder / "label.npy", labels)
    labelled = np.flatnonzero(labels != 0)
    values = labels.ravel()[labelled]
    positions = {value: labelled[values == value] for value in np.unique(values)}
    flat = [positions[value] for value in positions] or [np.empty(0, dtype=np.int64)]
    _save_array(folder / "foreground.npy", np.concatenate(flat).astype(np.int64))
    write_json(
        folder / "entry.json",
        {
            "schema_version": CACHE_FORMAT,
            "foreground_counts": {str(value): len(where) for value, where in positions.items()},
            "lowest_intensity": [float(channel.min()) for channel in prepared],
            "shape": list(labels.shape),
            "preprocess": config.model_dump(mode="json"),
            "image_facts": {key: asdict(scan.image)[key] for key in ("sha256_voxels", "affine")},
        },
    )


def _save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array and flush it to the disk, so that no power cut leaves a whole entry with half an array."""
    with path.open("wb") as stream:
        np.save(stream, array)
        stream.flush()
        os.fsync(stream.fileno())


def _publish(building: Path, entry: Path) -> None:
    try:
        building.rename(entry)
    except OSError:
        if not (entry / "entry.json").is_file():  # not merely that another run was first
            raise
        shutil.rmtree(building, ignore_errors=True)


def bytes_to_prepare(scan: CaseScan, config: PreprocessConfig) -> float:
    """Estimate the memory that preparing a case takes.

    Args:
        scan: What reading it gave.
        config: Preprocessing with its spacing resolved.
    """
    assert scan.image is not None
    assert config.spacing is not None
    grid = WorkingGrid.of(np.asarray(scan.image.affine), scan.image.shape, config.spacing)
    voxels = float(np.prod(scan.image.shape)) + float(np.prod(grid.shape))
    return _BYTES_PER_VOXEL * voxels * len(scan.intensity_percentiles)


def _expected_bytes(scan: CaseScan, config: PreprocessConfig) -> int:
    assert scan.image is not None
    assert config.spacing is not None
    grid = WorkingGrid.of(np.asarray(scan.image.affine), scan.image.shape, config.spacing)
    voxels = int(np.prod(grid.shape))
    voxel_ml = float(np.prod(grid.spacing_mm)) / 1000.0
    foreground = sum(scan.volumes_ml.values()) / voxel_ml
    return voxels * (4 * len(scan.intensity_percentiles) + 1) + int(8 * foreground)


def _list_entries(root: Path) -> list[tuple[float, int, Path]]:
    """List entries with time of use and size, the least recent first; another run may delete some meanwhile."""
    entries = []
    for entry in root.iterdir():
        with suppress(FileNotFoundError):
            if (entry / "entry.json").is_file():
                size = sum(file.stat().st_size for file in entry.iterdir())
                entries.append((entry.stat().st_mtime, size, entry))
    return sorted(entries)


def _remove_leftovers(root: Path) -> None:
    """Remove what killed runs left half built or half deleted, a day or more ago."""
    for suffix in (_BUILDING, _DELETING):
        for folder in root.glob(f"*{suffix}"):
            with suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > _LEFTOVER_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)


def _delete_entry(entry: Path) -> None:
    """Delete an entry so that no other run sees half of it; one in use on Windows stays."""
    leaving = entry.with_name(f"{entry.name}.{uuid.uuid4().hex[:8]}{_DELETING}")
    try:
        entry.rename(leaving)
    except OSError:
        return
    shutil.rmtree(leaving, ignore_errors=True)
