"""The same with MONAI, where it has such a thing: python everyday_monai.py PART SETTINGS.json."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from everyday_segtrail import TOLERANCE_MM, seconds_of
from everyday_volumes import SPACING_MM, reference_and_prediction, write_image
from monai.data import MetaTensor
from monai.metrics import DiceMetric, HausdorffDistanceMetric, SurfaceDiceMetric, SurfaceDistanceMetric
from monai.transforms import LoadImage, SaveImage
from settings import Settings


def load(settings: Settings) -> dict[str, Any]:
    """Read a volume with MONAI's reader."""
    path = write_image(Path(settings.work) / "everyday.nii.gz")
    reader = LoadImage(image_only=True)
    return {"value": seconds_of(lambda: reader(path))}


def write(settings: Settings) -> dict[str, Any]:
    """Write a label map with MONAI's writer."""
    affine = torch.diag(torch.tensor([*SPACING_MM, 1.0]))
    labels = MetaTensor(torch.from_numpy(reference_and_prediction()[0])[None].to(torch.uint8), affine=affine)
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        writer = SaveImage(folder, output_dtype="uint8", separate_folder=False, print_log=False)
        return {"value": seconds_of(lambda: writer(labels))}


def metrics(_: Settings) -> dict[str, Any]:
    """Measure Dice, NSD, HD95 and ASSD with MONAI's metrics."""
    reference, prediction = (torch.from_numpy(mask)[None, None] for mask in reference_and_prediction())
    kinds = {
        "dice": DiceMetric(),
        "hd95_mm": HausdorffDistanceMetric(include_background=True, percentile=95),
        "nsd": SurfaceDiceMetric([TOLERANCE_MM], include_background=True),
        "assd_mm": SurfaceDistanceMetric(include_background=True, symmetric=True),
    }
    found: dict[str, float] = {}

    def measure() -> None:
        for name, kind in kinds.items():
            spacing = {} if name == "dice" else {"spacing": SPACING_MM}
            kind.reset()
            kind(prediction, reference, **spacing)
            found[name] = float(kind.aggregate())

    seconds = seconds_of(measure)
    return {"value": seconds, "hd95_mm": found["hd95_mm"], "nsd": found["nsd"]}


PARTS: dict[str, Callable[[Settings], dict[str, Any]]] = {"load": load, "write": write, "metrics": metrics}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Settings.read(Path(sys.argv[2])))))
