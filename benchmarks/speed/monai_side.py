"""One measurement of the peer: python monai_side.py PART SETTINGS.json [SECONDS] prints its value as JSON."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from memory import make_volumes, peak_above_imports_mib
from monai.data import CacheDataset
from monai.transforms import Compose
from rounds import PATIENCE
from segtrail_side import DICE_FULL, DICE_MINI
from settings import MINI_VAL, Settings, cases_of

sys.path.insert(0, str(Path(__file__).parents[1] / "peers"))

from monai_training import (
    Job,
    Validation,
    fixed_transforms,
    list_cases,
    make_network,
    random_transforms,
    train,
)

LEARNING_RATE = 1e-3
# The best of them counts.
LEARNING_RATES = (3e-4, 1e-3, 3e-3)
VOLUMES_CUT = 10


def preprocess(settings: Settings) -> dict[str, Any]:
    """Preprocess every training volume into the memory: seconds per volume."""
    names = [*settings.train, *settings.val]
    files = list_cases(Path(settings.data), names)
    started = time.perf_counter()
    CacheDataset(files, Compose(fixed_transforms(settings.spacing_mm)), num_workers=2, progress=False)
    return {"value": (time.perf_counter() - started) / len(names), "volumes": len(names)}


def patch(settings: Settings) -> dict[str, Any]:
    """Make patches in one process, volumes preprocessed: seconds per patch."""
    chain = [
        *fixed_transforms(settings.spacing_mm),
        *random_transforms(settings.patch_size, settings.patches_per_volume),
    ]
    files = list_cases(Path(settings.data), settings.train[:4])
    dataset = CacheDataset(files, Compose(chain), num_workers=2, progress=False)
    dataset[0]
    started = time.perf_counter()
    n_patches = sum(len(dataset[number % len(dataset)]) for number in range(VOLUMES_CUT))
    return {"value": (time.perf_counter() - started) / n_patches}


def training(settings: Settings) -> dict[str, Any]:
    """Train two epochs: patches per second of the second one, waiting for patches included."""
    events: list[dict[str, Any]] = []
    started = time.perf_counter()

    def tell(event: str, **facts: Any) -> None:
        events.append({"event": event, "seconds": time.perf_counter() - started, **facts})

    train(plain_job(settings), tell)
    first, second = (event for event in events if event["event"] == "epoch")
    seconds = second["seconds"] - first["seconds"]
    n_patches = len(settings.train) * settings.patches_per_volume
    waited = second["waited_seconds"] / seconds
    return {"value": n_patches / seconds, "waited_share": waited, "loss": second["loss"]}


def inference(settings: Settings) -> dict[str, Any]:
    """Segment the validation volumes from their files with the weights of segtrail's run: seconds per volume."""
    assert settings.run is not None
    content = torch.load(Path(settings.run) / "checkpoints" / "best.pt", weights_only=True)
    network = make_network()
    (weights,) = content["networks"].values()
    network.load_state_dict(weights)
    torch.set_num_threads(settings.threads)
    validate = Validation(plain_job(settings), cached=False)
    started = time.perf_counter()
    scores = validate(network)
    return {
        "value": (time.perf_counter() - started) / len(scores),
        "dice": sum(scores) / len(scores),
    }


def dice_mini(settings: Settings, limit_seconds: float) -> dict[str, Any]:
    """Train on heart_mini: seconds from the first step until the validation Dice is there."""
    job = replace(
        plain_job(settings),
        data=settings.mini,
        train=[name for name in cases_of(Path(settings.mini)) if name not in MINI_VAL],
        val=MINI_VAL,
        spacing_mm=(2.5, 2.5, 2.5),
        patch_size=(80, 80, 48),
        patches_per_volume=4,
        validate_every=5,
    )
    return _time_to_dice(job, DICE_MINI, limit_seconds)


def dice_full(settings: Settings, limit_seconds: float) -> dict[str, Any]:
    """The same on Task02_Heart."""
    return _time_to_dice(replace(plain_job(settings), validate_every=5), DICE_FULL, limit_seconds)


def _time_to_dice(job: Job, target: float, limit_seconds: float) -> dict[str, Any]:
    """Choose the learning rate by trainings as long as segtrail's, then train with it up to the limit."""
    trial_seconds = limit_seconds / PATIENCE
    trials = {
        rate: _train_until(replace(job, learning_rate=rate), target, trial_seconds) for rate in LEARNING_RATES
    }
    rate = max(trials, key=lambda tried: trials[tried]["dice"])
    reached = _train_until(replace(job, learning_rate=rate), target, limit_seconds)
    return {
        **reached,
        "learning_rate": rate,
        "dice_of_trials": {str(tried): trial["dice"] for tried, trial in trials.items()},
    }


def _train_until(job: Job, target: float, limit_seconds: float) -> dict[str, Any]:
    started, begun = time.perf_counter(), [0.0]
    best: dict[str, Any] = {"value": None, "dice": 0.0}

    def tell(event: str, **facts: Any) -> None:
        seconds = time.perf_counter() - started
        if event == "prepared":
            begun[0] = seconds
        if event == "validated" and facts["dice"] > best["dice"]:
            reached = seconds - begun[0] if facts["dice"] >= target else None
            best.update(value=reached, dice=facts["dice"], epoch=facts["epoch"])

    train(replace(job, epochs=10**6, stop_at_dice=target, stop_after_seconds=limit_seconds), tell)
    return best


def memory(settings: Settings, n_volumes: int) -> dict[str, Any]:
    """Train an epoch on many small volumes: the most anonymous memory above what the imports take, in MiB."""
    data = make_volumes(Path(settings.work), n_volumes)
    n_val = max(n_volumes // 5, 1)
    names = [f"ball_{number:04d}" for number in range(n_volumes)]
    job = replace(
        plain_job(settings),
        data=str(data),
        train=names[n_val:],
        val=names[:n_val],
        spacing_mm=(1.0, 1.0, 1.0),
        patch_size=(32, 32, 32),
        patches_per_volume=2,
        epochs=1,
        validate_every=1,
    )
    script = Path(__file__).parents[1] / "peers" / "monai_training.py"
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        told = Path(folder) / "job.json"
        told.write_text(json.dumps(asdict(job)), encoding="utf-8")
        command = [sys.executable, str(script), str(told), str(Path(folder) / "events.jsonl")]
        peak = peak_above_imports_mib(
            command, f"import sys\nsys.path.insert(0, {str(script.parent)!r})\nimport monai_training"
        )
    return {"value": peak, "volumes": n_volumes}


def plain_job(settings: Settings) -> Job:
    """Return what the peer is told: two epochs, no validation."""
    return Job(
        data=settings.data,
        train=settings.train,
        val=settings.val,
        spacing_mm=settings.spacing_mm,
        patch_size=settings.patch_size,
        batch_size=settings.batch_size,
        patches_per_volume=settings.patches_per_volume,
        learning_rate=LEARNING_RATE,
        epochs=2,
        validate_every=100,
        workers=settings.workers,
        threads=settings.threads,
        stop_at_dice=2.0,
        stop_after_seconds=float("inf"),
        seed=0,
    )


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "preprocess": preprocess,
    "patch": patch,
    "training": training,
    "inference": inference,
    "cascade": inference,
    "dice_mini": dice_mini,
    "dice_full": dice_full,
    "memory_20": lambda settings: memory(settings, 20),
    "memory_200": lambda settings: memory(settings, 200),
    "memory_1000": lambda settings: memory(settings, 1000),
}

if __name__ == "__main__":
    limits = [float(argument) for argument in sys.argv[3:]]
    print(json.dumps(PARTS[sys.argv[1]](Settings.read(Path(sys.argv[2])), *limits)))
