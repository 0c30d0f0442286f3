"""One training of nnU-Net: python nnunet_side.py PART SETTINGS.json SECONDS prints its value as JSON.

nnU-Net gets its own network and augmentation, and trains for as long as segtrail did. Its plans are those for a GPU
of one gigabyte: a step of its usual ones took two minutes on one busy core. It is installed in a virtual environment
in the folder of the comparison (about 6 GB).
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from settings import MINI_VAL, Settings, cases_of

sys.path.insert(0, str(Path(__file__).parents[1] / "peers"))

from nnunet import CONFIGURATION, NnUNet, run, write_json

TRAINER = "nnUNetTrainerTimed"
PLANS = "nnUNetPlansOneGigabyte"
MEMORY_GB = 1


def mini(settings: Settings, seconds: float) -> dict[str, Any]:
    """Train on heart_mini: the Dice of the validation cases after that time."""
    data = Path(settings.mini)
    train = [case for case in cases_of(data) if case not in MINI_VAL]
    return _dice_after(settings, data, "Dataset102_HeartMini", train, MINI_VAL, seconds)


def full(settings: Settings, seconds: float) -> dict[str, Any]:
    """The same on Task02_Heart."""
    data = Path(settings.data)
    return _dice_after(settings, data, "Dataset002_Heart", settings.train, settings.val, seconds)


def _dice_after(
    settings: Settings, data: Path, dataset: str, train: Sequence[str], val: Sequence[str], seconds: float
) -> dict[str, Any]:
    nnunet = NnUNet.below(Path(settings.work) / "nnunet")
    try:
        nnunet.install()
    except (OSError, subprocess.CalledProcessError) as error:
        return {"value": None, "reason": f"nnU-Net could not be installed: {error}"}
    if not (nnunet.preprocessed(dataset) / f"{PLANS}.json").exists():
        nnunet.convert(data, dataset, lambda _, case: case in (*train, *val))
        nnunet.plan(dataset, ["-gpu_memory_target", str(MEMORY_GB), "-overwrite_plans_name", PLANS])
    write_json(nnunet.preprocessed(dataset) / "splits_final.json", [{"train": list(train), "val": list(val)}])
    fold = _train(nnunet, dataset, seconds, settings.threads)
    summary = json.loads((fold / "validation" / "summary.json").read_text(encoding="utf-8"))
    timed = json.loads((fold / "timed.json").read_text(encoding="utf-8"))
    return {"value": summary["foreground_mean"]["Dice"], "training_seconds": timed.pop("seconds"), **timed}


def _train(nnunet: NnUNet, dataset: str, seconds: float, threads: int) -> Path:
    """Train and validate anew, and return the folder of the fold."""
    trainer = Path(__file__).parents[1] / "peers" / f"{TRAINER}.py"
    nnunet.add_trainer(TRAINER, trainer.read_text(encoding="utf-8"))
    fold = nnunet.folder / "nnUNet_results" / dataset / f"{TRAINER}__{PLANS}__{CONFIGURATION}" / "fold_0"
    shutil.rmtree(fold, ignore_errors=True)
    number = dataset.removeprefix("Dataset")[:3]
    program = str(nnunet.programs / "nnUNetv2_train")
    environment = {"TIMED_TRAINER_SECONDS": str(seconds), "OMP_NUM_THREADS": str(threads)}
    command = [program, number, CONFIGURATION, "0", "-device", "cpu", "-tr", TRAINER, "-p", PLANS]
    run(command, {**nnunet.environment(), **environment})
    return fold


PARTS = {"nnunet_mini": mini, "nnunet_full": full}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Settings.read(Path(sys.argv[2])), float(sys.argv[3]))))
