"""The volumes on which reading, writing and measuring are timed: of a heart's size, with masks like a left atrium."""

from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

SHAPE = (320, 320, 130)
SPACING_MM = (1.25, 1.25, 1.37)


def reference_and_prediction() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Make two ellipsoids of 128 and 124 mL, the second one a little moved and dented."""
    places = [np.arange(n) * mm for n, mm in zip(SHAPE, SPACING_MM, strict=True)]
    x, y, z = np.meshgrid(*places, indexing="ij", sparse=True)
    middle = [n * mm / 2 for n, mm in zip(SHAPE, SPACING_MM, strict=True)]
    distance = ((x - middle[0]) / 36) ** 2 + ((y - middle[1]) / 31) ** 2 + ((z - middle[2]) / 27.4) ** 2
    moved = ((x - middle[0] - 1.5) / 36) ** 2 + ((y - middle[1]) / 31) ** 2 + ((z - middle[2]) / 26.6) ** 2
    dent = 0.06 * np.sin(x / 5) * np.sin(y / 6)
    return distance < 1.0, moved + dent < 1.0


def write_image(path: Path) -> Path:
    """Write an image of 16 bits, with noise as a scanner's, unless it is there."""
    if not path.exists():
        generator = np.random.default_rng(0)
        reference, _ = reference_and_prediction()
        image = generator.gamma(2.0, 40.0, SHAPE) + 300.0 * reference
        nibabel.Nifti1Image(image.astype(np.int16), np.diag([*SPACING_MM, 1.0])).to_filename(path)
    return path
