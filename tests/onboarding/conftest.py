"""Folders as people have them: scans and labels under all kinds of names."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[Any]
SHAPE = (20, 18, 14)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


@dataclass(frozen=True)
class ScanFolder:
    """A folder that grows file by file."""

    root: Path

    def add_image(self, file: str, data: Array | None = None, affine: Array = AFFINE) -> None:
        """Write an image; by default noise with a brighter box where the label is."""
        if data is None:
            noise = np.random.default_rng(list(file.encode())).integers(0, 50, SHAPE)
            data = (noise + 60 * box_label()).astype(np.int16)
        self._write(file, data, affine)

    def add_label(self, file: str, data: Array | None = None, affine: Array = AFFINE) -> None:
        """Write a label map; by default a box of class 1."""
        self._write(file, box_label() if data is None else data, affine)

    def _write(self, file: str, data: Array, affine: Array) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(data, affine), path)


def box_label(value: int = 1) -> Array:
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[6:13, 5:12, 4:9] = value
    return label


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def scans(here: Path) -> Callable[..., ScanFolder]:  # noqa: ARG001 (the current directory is changed)
    """Make a folder of scans in the current directory."""

    def make(*images_and_labels: tuple[str, str], name: str = "my_scans") -> ScanFolder:
        folder = ScanFolder(Path(name))
        folder.root.mkdir()
        for image, label in images_and_labels:
            folder.add_image(image)
            folder.add_label(label)
        return folder

    return make


@pytest.fixture
def two_scans(scans: Callable[..., ScanFolder]) -> ScanFolder:
    """Two cases in folders images and labels."""
    return scans(*((f"images/case_0{n}.nii.gz", f"labels/case_0{n}.nii.gz") for n in (1, 2)))
