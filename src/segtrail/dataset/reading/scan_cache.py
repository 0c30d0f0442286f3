"""What reading a case gave, remembered for as long as size, times and inode of its files stay the same."""

import hashlib
import io
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from segtrail.atomic import write_bytes
from segtrail.dataset.description import CaseFiles, DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.dataset.reading.quick_look import QuickLook
from segtrail.dataset.reading.scan import CaseScan, FileFacts, scan_case
from segtrail.images import nifti
from segtrail.version import __version__

# A change within the clock's step of a file system would not show in a file's times.
_SETTLED_SECONDS = 2.0
_UNUSED_SECONDS = 90 * 24 * 3600.0
_VIEWS = ("image", "label", "coarse")

_Stamp = list[list[int]]


class ScanCache:
    """A folder of remembered scans, one file for each case.

    Args:
        folder: Where they lie; made when the first is kept.
        read_all: Read every file again, and remember that.
    """

    def __init__(self, folder: Path, *, read_all: bool = False) -> None:
        self._folder, self._read_all = folder, read_all

    def scan(
        self, description: DatasetDescription, files: CaseFiles, geometry_tolerance_mm: float
    ) -> CaseScan:
        """Return the scan of one case, from memory where its files have not changed; see ``scan_case``."""
        named = (*files.image_paths(description.root), description.root / files.label)
        paths = [Path(os.path.realpath(path)) for path in named]  # resolve() raises at a link to itself
        question = [
            _hash_of_the_rules(),
            [os.path.realpath(description.root), *map(str, paths)],
            [files.case, files.images, files.label, files.group],
            sorted(description.labels.items()),
            description.n_channels,
            geometry_tolerance_mm,
        ]
        entry = self._folder / f"{hashlib.sha256(json.dumps(question).encode()).hexdigest()[:32]}.npz"
        stamp = _stamp(paths)
        known = None if self._read_all or stamp is None else _load(entry, stamp)
        if known is not None:
            return known
        started = time.time()
        scan = scan_case(description, files, geometry_tolerance_mm)
        if stamp is not None and stamp == _stamp(paths) and _is_settled(paths, started):
            self._keep(entry, scan, stamp)
        return scan

    def forget_unused(self) -> None:
        """Delete what was not asked for in three months."""
        with suppress(OSError):  # a folder of somebody else's
            for entry in self._folder.glob("*.npz"):
                with suppress(FileNotFoundError):  # another process was first
                    if time.time() - entry.stat().st_mtime > _UNUSED_SECONDS:
                        entry.unlink()

    def _keep(self, entry: Path, scan: CaseScan, stamp: _Stamp) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(entry, _as_bytes(scan, stamp))
        except OSError:  # remembering is a convenience: a full or read-only disk must not stop the reading
            return


@lru_cache(maxsize=1)
def _hash_of_the_rules() -> str:
    """Hash the code that reads and judges a case, so that another version of it does not take over old findings."""
    digest = hashlib.sha256(__version__.encode())
    for folder in (Path(__file__).parent, Path(nifti.__file__).parent):
        for source in sorted(folder.glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()


def _stamp(paths: Sequence[Path]) -> _Stamp | None:
    """Return what the system says of the files; None where one is not there."""
    try:
        found = [path.stat() for path in paths]
    except OSError:
        return None
    return [[stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino] for stat in found]


def _is_settled(paths: Sequence[Path], moment: float) -> bool:
    try:
        return all(moment - path.stat().st_mtime > _SETTLED_SECONDS for path in paths)
    except OSError:
        return False


def _as_bytes(scan: CaseScan, stamp: _Stamp) -> bytes:
    content = asdict(replace(scan, quick_look=None))
    text = json.dumps({"stamp": stamp, "scan": content})
    views = {} if scan.quick_look is None else {view: getattr(scan.quick_look, view) for view in _VIEWS}
    stream = io.BytesIO()
    np.savez_compressed(stream, text=np.frombuffer(text.encode(), dtype=np.uint8), **views)
    return stream.getvalue()


def _load(entry: Path, stamp: _Stamp) -> CaseScan | None:
    """Return a remembered scan; None where there is none, or one of other files, or a damaged one."""
    try:
        with np.load(io.BytesIO(entry.read_bytes()), allow_pickle=False) as arrays:
            content = json.loads(arrays["text"].tobytes())
            if content["stamp"] != stamp:
                return None
            views = {view: arrays[view] for view in _VIEWS if view in arrays}
        scan = _as_scan(content["scan"], views)
        os.utime(entry)  # the time of use, for forget_unused
    except Exception:
        return None
    return scan


def _as_scan(content: dict[str, Any], views: dict[str, Any]) -> CaseScan:
    return CaseScan(
        case=content["case"],
        group=content["group"],
        image=_as_facts(content["image"]),
        label=_as_facts(content["label"]),
        intensity_percentiles=tuple(content["intensity_percentiles"]),
        volumes_ml=content["volumes_ml"],
        findings=tuple(
            Finding(**{**finding, "also": tuple(finding["also"])}) for finding in content["findings"]
        ),
        quick_look=QuickLook(**views) if views else None,
        read_now=False,
    )


def _as_facts(content: dict[str, Any] | None) -> FileFacts | None:
    if content is None:
        return None
    lists = {key: tuple(content[key]) for key in ("files", "shape", "spacing_mm")}
    return FileFacts(**{**content, **lists, "affine": tuple(tuple(row) for row in content["affine"])})
