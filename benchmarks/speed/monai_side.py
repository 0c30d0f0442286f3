"""One measurement of the peer: python monai_side.py PART SETTINGS.json prints its value as JSON."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from monai.data import CacheDataset
from monai.transforms import Compose
from settings import Settings

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

    train(_job(settings), tell)
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
    validate = Validation(_job(settings), cached=False)
    started = time.perf_counter()
    scores = validate(network)
    return {
        "value": (time.perf_counter() - started) / len(scores),
        "dice": sum(scores) / len(scores),
    }


def _job(settings: Settings) -> Job:
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


PARTS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "preprocess": preprocess,
    "patch": patch,
    "training": training,
    "inference": inference,
}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Settings.read(Path(sys.argv[2])))))
