"""Cross-validates variants of configs/cpu.yaml that differ in one thing, all with the same short training.

Every fold is a run of one thread, two at a time. A fold that is done is not trained again, so the command goes on
where it was stopped. The table compares each variant with the first one, case by case.

    python benchmarks/coarse_to_fine/variants.py WORK_FOLDER --data data/Task02_Heart
    python benchmarks/coarse_to_fine/variants.py WORK_FOLDER --data data/Task02_Heart --only base elastic
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
FOLDS = (
    ("la_005", "la_007", "la_026", "la_029"),
    ("la_011", "la_014", "la_022"),
    ("la_003", "la_010", "la_016"),
    ("la_018", "la_019", "la_020"),
    ("la_004", "la_021", "la_024"),
)
VARIANTS: dict[str, tuple[str, ...]] = {
    "base": (),
    "milder augmentation": (
        "stages.fine.augment.affine={probability: 1.0, rotation_degrees: 15, scale_range: [0.85, 1.15]}",
        "stages.fine.augment.blur.probability=0.1",
        "stages.fine.augment.noise.probability=0.1",
        "stages.fine.augment.brightness.probability=0.15",
        "stages.fine.augment.contrast.probability=0.15",
        "stages.fine.augment.gamma.probability=0.15",
    ),
    "elastic deformation": ("stages.fine.augment.elastic.probability=0.5",),
    "mirrored, and flips at test time": (
        "stages.fine.augment.flip.probability=0.5",
        "stages.fine.infer.flips=[0, 1, 2]",
    ),
    "deep supervision": ("stages.fine.model={name: 'variant_parts:DeeplySupervised'}",),
    "learned upsampling": ("stages.fine.model={name: 'variant_parts:LearnedUpsampling'}",),
    "boundary loss": ("stages.fine.train.loss.name=variant_parts:BoundaryLoss",),
    "channels 16 to 128": ("stages.fine.model.channels=[16, 32, 64, 128]",),
    "channels 32 to 160": ("stages.fine.model.channels=[32, 64, 128, 160]",),
    "larger region, margin 32 mm": ("stages.fine.region.margin_mm=32",),
    "no average of weights": ("stages.fine.train.ema_decay=null",),
    "no largest component": ("stages.fine.infer.largest_component=false",),
}
COLUMNS = ("dice", "nsd_2mm", "hd95_mm")


@dataclass(frozen=True)
class Fold:
    """One fold of one variant, trained in a folder of its own."""

    variant: str
    number: int
    folder: Path

    def run(self) -> Path | None:
        """Return its finished run, or None."""
        for run in sorted((self.folder / "runs").glob("run_*")):
            if (run / "metrics_summary.json").is_file():
                return run
        return None


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for the runs")
    parser.add_argument("--data", type=Path, required=True, help="Task02_Heart")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--epochs", type=int, default=20, help="epochs of the second stage")
    chosen = parser.parse_args()
    work = chosen.work.resolve()
    folds = [
        Fold(name, number, work / name.replace(" ", "_").replace(",", "") / f"fold_{number}")
        for name in chosen.only
        for number in range(1, len(FOLDS) + 1)
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        for _ in pool.map(lambda fold: train(fold, work, chosen.data.resolve(), chosen.epochs), folds):
            pass
    print("\n".join(table(folds)))


def train(fold: Fold, work: Path, data: Path, epochs: int) -> None:
    """Train a fold, unless that is done."""
    if fold.run() is not None:
        return
    fold.folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "segtrail", "train", str(REPOSITORY / "configs" / "cpu.yaml")]
    changes = [
        f"split.val=[{', '.join(FOLDS[fold.number - 1])}]",
        f"paths.data_root={data}",
        f"paths.output_root={fold.folder}",
        f"paths.cache_root={work / 'cache'}",
        "train.num_threads=1",
        f"stages.fine.train.max_epochs={epochs}",
        f"stages.fine.train.validate_every={epochs}",
        "report.enabled=false",
    ]
    with (fold.folder / "log.txt").open("w", encoding="utf-8") as log:
        subprocess.run(
            [*command, *changes, *VARIANTS[fold.variant]],
            cwd=Path(__file__).parent,  # where the parts are found
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )


def table(folds: Sequence[Fold]) -> list[str]:
    """Return a table in Markdown of the variants all of whose folds are done."""
    lines = [
        "| variant | Dice | against base (cases better) | NSD at 2 mm | HD95 (mm), mean and most | minutes a fold |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    base: dict[str, float] = {}
    for name in dict.fromkeys(fold.variant for fold in folds):
        runs = [run for fold in folds if fold.variant == name and (run := fold.run()) is not None]
        if len(runs) < len(FOLDS):
            lines.append(f"| {name} | {len(runs)} of {len(FOLDS)} folds | | | | |")
            continue
        cases = {row["case"]: row for run in runs for row in _rows(run / "metrics_cases.csv")}
        dice = {case: float(row["dice"]) for case, row in cases.items()}
        base = base or dice
        differences = [dice[case] - base[case] for case in dice]
        better = sum(difference > 0 for difference in differences)
        nsd, hd95 = ([float(row[column]) for row in cases.values()] for column in COLUMNS[1:])
        minutes = statistics.mean(_training_seconds(run) for run in runs) / 60
        lines.append(
            f"| {name} | {statistics.mean(dice.values()):.4f} | {statistics.mean(differences):+.4f} "
            f"({better} of {len(dice)}) | {statistics.mean(nsd):.3f} | {statistics.mean(hd95):.2f}, {max(hd95):.1f} | "
            f"{minutes:.1f} |"
        )
    return lines


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _training_seconds(run: Path) -> float:
    return sum(float(row["seconds"]) for row in _rows(run / "history.csv"))


if __name__ == "__main__":
    main()
