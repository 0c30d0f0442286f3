"""Trains a small nnU-Net on the CPU under ``segtrail record``, then verifies the run and makes its report.

python benchmarks/record_nnunet.py data/Task04_Hippocampus WORK_FOLDER

WORK_FOLDER gets a virtual environment of nnU-Net (about 6 GB), its three folders, and ``outputs`` with the run. An
environment that is there already is used again. ``--only train`` trains without a record.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# torchvision has no build beside the CPU build of torch, so that both come with CUDA; they run on the CPU.
TORCH = ("torch==2.14.1", "torchvision==0.29.1")
NNUNET = "nnunetv2==2.8.1"
DATASET = "Dataset004_Hippocampus"
CONFIGURATION = "3d_fullres"
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
    folder: Path = options.folder.resolve()
    data: Path = options.data.resolve()
    programs = (options.venv or folder / "venv").resolve() / ("Scripts" if os.name == "nt" else "bin")
    environment = _environment(folder, programs)
    command = _training_command(programs)
    steps = {
        "install": lambda: install(programs),
        "convert": lambda: convert(data, folder, options.cases),
        "plan": lambda: plan(folder, programs, environment),
        "train": lambda: _run(command, environment),
        "record": lambda: record(command, folder, environment),
    }
    chosen = options.only or [name for name in steps if name != "train"]
    for name in chosen:
        started = time.perf_counter()
        steps[name]()
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def install(programs: Path) -> None:
    """Make the virtual environment of nnU-Net; torch is named again, so that pip takes no other one."""
    if shutil.which("nnUNetv2_train", path=str(programs)):
        return
    _run([sys.executable, "-m", "venv", str(programs.parent)])
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet"]
    _run([*pip, *TORCH])
    _run([*pip, NNUNET, *TORCH])


def convert(data: Path, folder: Path, n_cases: int) -> None:
    """Write a decathlon data set as a raw folder of nnU-Net, whose own converter wants ``imagesTs`` too."""
    raw = folder / "nnUNet_raw" / DATASET
    description = json.loads((data / "dataset.json").read_text(encoding="utf-8"))
    entries = description["training"][:n_cases]
    for name in ("imagesTr", "labelsTr"):
        (raw / name).mkdir(parents=True, exist_ok=True)
    for entry in entries:
        case = Path(entry["image"]).name.removesuffix(".nii.gz")
        shutil.copy(data / entry["image"], raw / "imagesTr" / f"{case}_0000.nii.gz")
        shutil.copy(data / entry["label"], raw / "labelsTr" / f"{case}.nii.gz")
    content = {
        "channel_names": description["modality"],
        "labels": {name: int(value) for value, name in description["labels"].items()},
        "numTraining": len(entries),
        "file_ending": ".nii.gz",
    }
    _write_json(raw / "dataset.json", content)


def plan(folder: Path, programs: Path, environment: Mapping[str, str]) -> None:
    """Plan and preprocess, and write plans of a small network beside nnU-Net's own."""
    arguments = ["-d", "4", "-c", CONFIGURATION, "-np", "1", "-npfp", "1", "--verify_dataset_integrity"]
    _run([str(programs / "nnUNetv2_plan_and_preprocess"), *arguments], environment)
    _write_small_plans(folder)


def _write_small_plans(folder: Path) -> None:
    preprocessed = folder / "nnUNet_preprocessed" / DATASET
    plans = json.loads((preprocessed / "nnUNetPlans.json").read_text(encoding="utf-8"))
    configuration = plans["configurations"][CONFIGURATION]
    configuration["batch_size"] = 2
    configuration["patch_size"] = [32, 40, 32]
    features = configuration["architecture"]["arch_kwargs"]["features_per_stage"]
    configuration["architecture"]["arch_kwargs"]["features_per_stage"] = [size // 4 for size in features]
    plans["plans_name"] = PLANS
    _write_json(preprocessed / f"{PLANS}.json", plans)


def record(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Train under the record, then verify the run and make its report."""
    segtrail = [sys.executable, "-m", "segtrail"]
    outputs = folder / "outputs"
    data = folder / "nnUNet_raw" / DATASET
    options = ["--adapter", "nnunet", "--data", str(data), "--output-root", str(outputs)]
    _run([*segtrail, "record", *options, "--", *command], environment)
    run = max((outputs / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
    _run([*segtrail, "verify", str(run)])
    _run([*segtrail, "report", str(run)])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="the decathlon's Task04_Hippocampus")
    parser.add_argument("folder", type=Path, help="where to work")
    parser.add_argument("--venv", type=Path, help="a virtual environment of nnU-Net to use instead")
    parser.add_argument("--cases", type=int, default=30, help="how many cases to use")
    names = ("install", "convert", "plan", "train", "record")
    parser.add_argument("--only", action="append", choices=names, help="do this step alone; may be repeated")
    return parser.parse_args(arguments)


def _training_command(programs: Path) -> list[str]:
    program = str(programs / "nnUNetv2_train")
    return [program, "4", CONFIGURATION, "0", "-device", "cpu", "-tr", TRAINER, "-p", PLANS]


def _environment(folder: Path, programs: Path) -> dict[str, str]:
    """Return the variables that nnU-Net asks for, and make the folders that they name."""
    trainers = folder / "trainers"
    trainers.mkdir(parents=True, exist_ok=True)
    (trainers / f"{TRAINER}.py").write_text(TRAINER_FILE, encoding="utf-8", newline="\n")
    places = {name: folder / name for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")}
    for place in places.values():
        place.mkdir(exist_ok=True)
    return {
        **os.environ,
        **{name: str(place) for name, place in places.items()},
        "nnUNet_extTrainer": str(trainers),
        "nnUNet_def_n_proc": "1",  # eight processes by default, each with a gigabyte of libraries
        "nnUNet_n_proc_DA": "1",  # 0 is allowed in training, but planning fails with it
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, check=True, env=environment)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
