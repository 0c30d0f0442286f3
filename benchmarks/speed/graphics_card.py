"""Measures trainings on a graphics card, and the plain MONAI training on the same card.

python benchmarks/speed/graphics_card.py WORK --data data/Task02_Heart
python benchmarks/speed/graphics_card.py WORK --data data/Task02_Heart --only throughput

It prints a table in Markdown. With ``--device cpu`` it does the same without a card, which shows that it works.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from compare import TRAIN, VAL
from monai_side import plain_job
from settings import Settings
from training_command import make_deletable, split, training_command

STEPS = 250
# Voxels of a patch and its count in a step: nnU-Net's plan for Task02_Heart.
NNUNET_PATCH, NNUNET_BATCH = [160, 192, 80], 2
TARGETS = (0.90, 0.92)
_BETWEEN_LOOKS_SECONDS = 0.5


class Utilisation:
    """The mean share of time in which the card computed, while a block runs; empty where nvidia-smi is missing."""

    def __enter__(self) -> "Utilisation":
        self._seen: list[float] = []
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def __str__(self) -> str:
        busy = self._seen[len(self._seen) // 2 :]  # the second half: training, not preparing
        return f"{sum(busy) / len(busy):.0f} %" if busy else ""

    def _watch(self) -> None:
        program = shutil.which("nvidia-smi")
        query = [str(program), "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while program and not self._over.wait(_BETWEEN_LOOKS_SECONDS):
            said = subprocess.run(query, capture_output=True, text=True, check=True).stdout
            self._seen.append(float(said.splitlines()[0]))


def throughput(work: Path, data: Path, device: str) -> list[str]:
    """Train the U-Net of configs/baseline.yaml for two epochs: patches per second in the second."""
    rows = []
    variants = {
        "segtrail": [],
        "segtrail, patches made on the CPU": ["train.patches_on=cpu", "train.num_workers=8"],
        "segtrail, not repeatable": ["train.deterministic=false"],
    }
    size = ["patch={patch_size: [96, 96, 96], patches_per_case: 32}", "train.max_epochs=2"]
    for name, changes in variants.items():
        with Utilisation() as busy:
            last = _train(work, data, "baseline.yaml", [*size, *changes, f"train.device={device}"])[-1]
        rows.append(f"| U-Net, {name} | {float(last['patches_per_second']):.1f} patches/s | {busy} |")
    with Utilisation() as busy:
        rate = _peer_patches_per_second(work, data, device)
    return [*rows, f"| U-Net, MONAI | {rate:.1f} patches/s | {busy} |"]


def dynunet(work: Path, data: Path, device: str) -> list[str]:
    """Train a DynUNet on patches as nnU-Net's for two epochs: seconds of 250 steps in the second."""
    per_case = -(-STEPS * NNUNET_BATCH // len(TRAIN))
    steps = -(-per_case * len(TRAIN) // NNUNET_BATCH)
    changes = [
        "model={name: dynunet, deep_supervision: true}",
        f"patch={{patch_size: {NNUNET_PATCH}, patches_per_case: {per_case}}}",
        f"train.batch_size={NNUNET_BATCH}",
        "train.max_epochs=2",
        f"train.device={device}",
    ]
    with Utilisation() as busy:
        last = _train(work, data, "baseline.yaml", changes)[-1]
    return [f"| DynUNet, 250 steps | {float(last['seconds']) * STEPS / steps:.1f} s | {busy} |"]


def coarse_to_fine(work: Path, data: Path, device: str) -> list[str]:
    """Train configs/gpu.yaml: minutes from the first step to a validation Dice, and the last one."""
    with Utilisation() as busy:
        rows = _train(
            work, data, "gpu.yaml", [f"train.device={device}", "stages.fine.train.validate_every=2"]
        )
    passed, reached = 0.0, {}
    for row in rows:
        passed += float(row["seconds"])
        if row["stage"] == "fine" and row["val_dice"]:
            reached |= {
                goal: passed / 60
                for goal in TARGETS
                if goal not in reached and float(row["val_dice"]) >= goal
            }
    said = ", ".join(f"{goal:.2f} after {minutes:.1f} min" for goal, minutes in reached.items())
    last = f"{float(rows[-1]['val_dice']):.3f} after {passed / 60:.1f} min"
    return [f"| configs/gpu.yaml, Dice | {said or 'no goal reached'}; at the end {last} | {busy} |"]


PARTS = {"throughput": throughput, "dynunet": dynunet, "coarse_to_fine": coarse_to_fine}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts that are asked for and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for what is measured")
    parser.add_argument("--data", type=Path, required=True, help="Task02_Heart")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to see that it works")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    print("| what | measured | card busy |\n| --- | --- | --- |", flush=True)
    for name in options.only:
        print(
            "\n".join(PARTS[name](options.work.resolve(), options.data.resolve(), options.device)), flush=True
        )


def _train(work: Path, data: Path, config: str, changes: Sequence[str]) -> list[dict[str, str]]:
    """Train in a process of its own, and return its history."""
    outputs = work / "outputs"
    validate_once = (
        [] if any("validate_every" in change for change in changes) else ["train.validate_every=1000"]
    )
    options = [*split(TRAIN, VAL), *validate_once, *changes]
    subprocess.run(
        training_command(config, data, outputs, work / "cache", options), check=True, stdout=sys.stderr
    )
    (run,) = outputs.glob("runs/*")
    with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
        history = list(csv.DictReader(stream))
    make_deletable(outputs)
    shutil.rmtree(outputs)
    return history


def _peer_patches_per_second(work: Path, data: Path, device: str) -> float:
    settings = Settings(
        work=str(work),
        data=str(data),
        mini="",
        train=TRAIN,
        val=VAL,
        spacing_mm=(1.25, 1.25, 1.25),
        patch_size=(96, 96, 96),
        batch_size=2,
        patches_per_volume=32,
        workers=8,
        threads=8,
        run=None,
        cascade=None,
    )
    job, events = work / "job.json", work / "events.jsonl"
    job.write_text(json.dumps(asdict(replace(plain_job(settings), device=device))), encoding="utf-8")
    script = Path(__file__).parents[1] / "peers" / "monai_training.py"
    subprocess.run([sys.executable, str(script), str(job), str(events)], check=True)
    told: list[dict[str, Any]] = [
        json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()
    ]
    first, second = (event["seconds"] for event in told if event["event"] == "epoch")
    return len(TRAIN) * settings.patches_per_volume / (second - first)


if __name__ == "__main__":
    main()
