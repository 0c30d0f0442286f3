"""Measures segtrail beside a plain training with MONAI, part by part, in turn.

python benchmarks/speed/compare.py WORK --data data/Task02_Heart
python benchmarks/speed/compare.py WORK --data data/Task02_Heart --only patch training
python benchmarks/speed/compare.py WORK --data data/Task02_Heart --page docs/benchmarks.md

Stopped and called again, it goes on. Run it on a machine that does nothing else: each measurement keeps the load that
it began under, and the table says where it was high.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from page import write_page
from rounds import Part, Rounds
from segtrail_side import REPOSITORY
from settings import Settings

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
PARTS = (
    Part("preprocess", "Preprocessing, per volume", "s", "lower", repetitions=3),
    Part("patch", "A ready patch, one process", "s", "lower"),
    Part("training", "Training, end to end", "patches/s", "higher", repetitions=3),
    Part("inference", "Inference of a volume, from its file", "s", "lower", repetitions=3),
)


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
    parser.add_argument("--only", nargs="+", choices=[part.name for part in PARTS], help="parts to measure")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of torch")
    parser.add_argument("--page", type=Path, help="write the table and its picture into this page")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace) -> Settings:
    work: Path = options.work.resolve()
    needs_weights = not options.only or "inference" in options.only
    return Settings(
        work=str(work),
        data=str(options.data.resolve()),
        train=TRAIN,
        val=VAL,
        spacing_mm=(1.25, 1.25, 1.25),
        patch_size=(96, 96, 96),
        batch_size=2,
        patches_per_volume=4,
        workers=2,
        threads=options.threads,
        run=str(_train_weights(work, options.data.resolve())) if needs_weights else None,
    )


def _train_weights(work: Path, data: Path) -> Path:
    """Train the network whose weights segment on both sides, where that is not done."""
    outputs = work / "weights"
    finished = sorted(outputs.glob("runs/*/manifest.json"))
    if finished:
        return finished[0].parent
    config = str(REPOSITORY / "configs" / "baseline.yaml")
    changes = [
        f"paths.data_root={data}",
        f"paths.output_root={outputs}",
        f"paths.cache_root={work / 'cache'}",
        f"train.max_epochs={EPOCHS_OF_WEIGHTS}",
        f"train.validate_every={EPOCHS_OF_WEIGHTS}",
        "optim.lr=1.0e-3",
        f"split.val=[{', '.join(VAL)}]",
        "report.enabled=false",
    ]
    subprocess.run([sys.executable, "-m", "segtrail", "train", config, *changes], check=True)
    return sorted(outputs.glob("runs/*/manifest.json"))[0].parent


if __name__ == "__main__":
    main()
