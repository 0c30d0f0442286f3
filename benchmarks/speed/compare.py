"""Measures segtrail beside a plain training with MONAI, part by part, in turn.

python benchmarks/speed/compare.py WORK --data data/Task02_Heart --mini data/heart_mini
python benchmarks/speed/compare.py WORK --data data/Task02_Heart --mini data/heart_mini --only patch training
python benchmarks/speed/compare.py WORK --data data/Task02_Heart --mini data/heart_mini --page docs/benchmarks.md

Stopped and called again, it goes on. Run it on a machine that does nothing else: each measurement keeps the load that
it began under, and the page says where it was high.
"""

import argparse
import os
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from page import write_page
from rounds import Part, Rounds
from settings import Settings
from training_command import split, training_command

# la_005 and la_026 are one scan: both are trained on.
TRAIN = (
    "la_003",
    "la_004",
    "la_005",
    "la_010",
    "la_011",
    "la_014",
    "la_016",
    "la_018",
    "la_019",
    "la_020",
    "la_026",
    "la_029",
)
VAL = ("la_007", "la_021", "la_022", "la_024")
EPOCHS_OF_WEIGHTS = 20
_EVERYDAY = {"segtrail": "everyday_segtrail.py", "MONAI": "everyday_monai.py"}
_ALONE = {"segtrail": "everyday_segtrail.py"}


def _beside_nnunet(name: str, title: str) -> Part:
    sides = {"segtrail": "segtrail_side.py", "nnU-Net": "nnunet_side.py"}
    return Part(name, title, "Dice", "higher", sides=sides, repetitions=1, time_of_peer="told equal")


PARTS = (
    Part("preprocess", "Preprocessing, per volume", "s", target=5, repetitions=3),
    Part("patch", "A ready patch, one process", "s", target=15),
    Part("training", "Training, same network, end to end", "patches/s", "higher", target=3, repetitions=3),
    Part("inference", "Inference of a volume, same network", "s", target=5, repetitions=3),
    Part("cascade", "Inference of a volume, coarse to fine", "s", target=15, repetitions=3),
    Part(
        "dice_mini",
        "Time to Dice 0.80, heart_mini",
        "s",
        target=5,
        repetitions=1,
        time_of_peer="told patience",
    ),
    Part(
        "dice_full",
        "Time to Dice 0.90, Task02_Heart",
        "s",
        target=5,
        repetitions=1,
        time_of_peer="told patience",
    ),
    _beside_nnunet("nnunet_mini", "heart_mini, configs/quick.yaml"),
    _beside_nnunet("nnunet_full", "Task02_Heart, configs/cpu.yaml"),
    Part("memory_20", "Anonymous memory, 20 volumes", "MiB", target=2, repetitions=1),
    Part("memory_200", "Anonymous memory, 200 volumes", "MiB", target=2, repetitions=1),
    Part("memory_1000", "Anonymous memory, 1000 volumes", "MiB", target=2, repetitions=1),
    Part("load", "Reading a .nii.gz of 320 x 320 x 130", "s", sides=_EVERYDAY),
    Part("write", "Writing its label map", "s", sides=_EVERYDAY),
    Part("metrics", "Dice, NSD, HD95, ASSD of a case of that size", "s", sides=_EVERYDAY),
    Part("start", "The slowest command's help", "s", sides=_ALONE, repetitions=3),
    Part("check", "Reading and checking a data set, per case", "s", sides=_ALONE, repetitions=3),
    Part("report", "A report", "s", sides=_ALONE, repetitions=3),
    Part("verify", "Verifying a run with its data", "s", sides=_ALONE, repetitions=3),
    Part("resume", "From segtrail resume to the first step", "s", sides=_ALONE, repetitions=3),
)
_NEEDS_RUN = {"inference", "cascade", "report", "verify"}
_NEEDS_CASCADE = {"cascade", "nnunet_full"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, and write the page where one is named."""
    options = _parse(arguments)
    settings = _settings(options)
    rounds = Rounds(options.work, asdict(settings))
    for part in PARTS:
        if not options.only or part.name in options.only:
            rounds.measure(part)
    if options.page is not None:
        write_page(options.page, PARTS, rounds.results(), settings)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for what is measured")
    parser.add_argument("--data", type=Path, required=True, help="Task02_Heart")
    parser.add_argument("--mini", type=Path, required=True, help="heart_mini")
    parser.add_argument("--only", nargs="+", choices=[part.name for part in PARTS], help="parts to measure")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of torch")
    parser.add_argument("--page", type=Path, help="write the table and its picture into this page")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace) -> Settings:
    work: Path = options.work.resolve()
    data: Path = options.data.resolve()
    chosen = set(options.only or [part.name for part in PARTS])
    return Settings(
        work=str(work),
        data=str(data),
        mini=str(options.mini.resolve()),
        train=TRAIN,
        val=VAL,
        spacing_mm=(1.25, 1.25, 1.25),
        patch_size=(96, 96, 96),
        batch_size=2,
        patches_per_volume=4,
        workers=2,
        threads=options.threads,
        run=str(_train_baseline(work, data)) if chosen & _NEEDS_RUN else None,
        cascade=str(_train_cascade(work, data)) if chosen & _NEEDS_CASCADE else None,
    )


def _train_baseline(work: Path, data: Path) -> Path:
    """Train the network whose weights segment on both sides, where that is not done."""
    changes = [
        f"train.max_epochs={EPOCHS_OF_WEIGHTS}",
        f"train.validate_every={EPOCHS_OF_WEIGHTS}",
        "optim.lr=1.0e-3",
    ]
    return _train(work / "baseline", data, work / "cache", "baseline.yaml", changes)


def _train_cascade(work: Path, data: Path) -> Path:
    return _train(work / "cascade", data, work / "cache", "cpu.yaml", [])


def _train(outputs: Path, data: Path, cache: Path, config: str, changes: Sequence[str]) -> Path:
    finished = sorted(outputs.glob("runs/*/manifest.json"))
    if not finished:
        options = [*split(TRAIN, VAL), *changes]
        subprocess.run(training_command(config, data, outputs, cache, options), check=True)
        finished = sorted(outputs.glob("runs/*/manifest.json"))
    return finished[0].parent


if __name__ == "__main__":
    main()
