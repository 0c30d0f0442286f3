"""Trains a small nnU-Net on the CPU under ``segtrail record``, then verifies the run and makes its report.

python benchmarks/record_nnunet.py data/Task04_Hippocampus WORK_FOLDER

WORK_FOLDER gets a virtual environment of nnU-Net (about 6 GB), its three folders, and ``outputs`` with the run. An
environment that is there already is used again. ``--only train`` trains without a record.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "peers"))

from nnunet import CONFIGURATION, NnUNet, run, write_json

DATASET = "Dataset004_Hippocampus"
PLANS = "nnUNetPlansSmall"
TRAINER = "nnUNetTrainerSmall"
TRAINER_FILE = f'''"""A trainer that ends within minutes on two cores."""

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class {TRAINER}(nnUNetTrainer):
    # nnU-Net looks up the names of these parameters, so that they stay as they are.
    def __init__(self, plans: dict, configuration: str, fold: int, dataset_json: dict,
                 device: torch.device = torch.device("cuda")):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 8
        self.num_iterations_per_epoch = 50
        self.num_val_iterations_per_epoch = 5
        self.save_every = 2
'''


def main(arguments: Sequence[str] | None = None) -> None:
    """Do the steps that are asked for, and print how long each took."""
    options = _parse(arguments)
    data: Path = options.data.resolve()
    nnunet = NnUNet.below(options.folder.resolve(), options.venv)
    nnunet.add_trainer(TRAINER, TRAINER_FILE)
    command = _training_command(nnunet)
    steps = {
        "install": nnunet.install,
        "convert": lambda: nnunet.convert(data, DATASET, lambda place, _: place < options.cases),
        "plan": lambda: plan(nnunet),
        "train": lambda: run(command, nnunet.environment()),
        "record": lambda: record(command, nnunet),
    }
    chosen = options.only or [name for name in steps if name != "train"]
    for name in chosen:
        started = time.perf_counter()
        steps[name]()
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def plan(nnunet: NnUNet) -> None:
    """Plan and preprocess, and write plans of a small network beside nnU-Net's own."""
    nnunet.plan(DATASET)
    preprocessed = nnunet.preprocessed(DATASET)
    plans = json.loads((preprocessed / "nnUNetPlans.json").read_text(encoding="utf-8"))
    configuration = plans["configurations"][CONFIGURATION]
    configuration["batch_size"] = 2
    configuration["patch_size"] = [32, 40, 32]
    features = configuration["architecture"]["arch_kwargs"]["features_per_stage"]
    configuration["architecture"]["arch_kwargs"]["features_per_stage"] = [size // 4 for size in features]
    plans["plans_name"] = PLANS
    write_json(preprocessed / f"{PLANS}.json", plans)


def record(command: Sequence[str], nnunet: NnUNet) -> None:
    """Train under the record, then verify the run and make its report."""
    segtrail = [sys.executable, "-m", "segtrail"]
    outputs = nnunet.folder / "outputs"
    options = ["--adapter", "nnunet", "--data", str(nnunet.raw(DATASET)), "--output-root", str(outputs)]
    run([*segtrail, "record", *options, "--", *command], nnunet.environment())
    folder = max((outputs / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
    run([*segtrail, "verify", str(folder)])
    run([*segtrail, "report", str(folder)])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="the decathlon's Task04_Hippocampus")
    parser.add_argument("folder", type=Path, help="where to work")
    parser.add_argument("--venv", type=Path, help="a virtual environment of nnU-Net to use instead")
    parser.add_argument("--cases", type=int, default=30, help="how many cases to use")
    names = ("install", "convert", "plan", "train", "record")
    parser.add_argument("--only", action="append", choices=names, help="do this step alone; may be repeated")
    return parser.parse_args(arguments)


def _training_command(nnunet: NnUNet) -> list[str]:
    program = str(nnunet.programs / "nnUNetv2_train")
    return [program, "4", CONFIGURATION, "0", "-device", "cpu", "-tr", TRAINER, "-p", PLANS]


if __name__ == "__main__":
    main()
