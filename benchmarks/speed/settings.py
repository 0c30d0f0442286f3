"""What both sides of a comparison are told, so that they do the same."""

import json
from dataclasses import dataclass
from pathlib import Path

# Cases of heart_mini to validate on: those of configs/quick.yaml.
MINI_VAL = ("la_004", "la_010", "la_016", "la_020")


@dataclass(frozen=True)
class Settings:
    """The common ground.

    Attributes:
        work: Folder of the comparison.
        data: The data set.
        mini: Hearts at 2.5 mm, for the first look.
        train: Cases to train on.
        val: Cases to validate on.
        spacing_mm: Spacing that volumes are resampled to.
        patch_size: Voxels of a patch.
        batch_size: Patches of a step.
        patches_per_volume: Patches of a volume in an epoch.
        workers: Processes that make patches.
        threads: Threads of torch.
        run: A run of segtrail that trained configs/baseline.yaml; its weights segment on both sides.
        cascade: A run of configs/cpu.yaml on the same cases.
    """

    work: str
    data: str
    mini: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    spacing_mm: tuple[float, float, float]
    patch_size: tuple[int, int, int]
    batch_size: int
    patches_per_volume: int
    workers: int
    threads: int
    run: str | None
    cascade: str | None

    @classmethod
    def read(cls, path: Path) -> "Settings":
        """Read what ``compare.py`` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


def cases_of(data: Path) -> list[str]:
    """List the cases of a data set in the decathlon's layout that have a label."""
    description = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
    return [Path(entry["image"]).name.removesuffix(".nii.gz") for entry in description["training"]]
