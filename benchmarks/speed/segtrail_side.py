"""One measurement of segtrail: python segtrail_side.py PART SETTINGS.json prints its value as JSON."""

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from settings import Settings

REPOSITORY = Path(__file__).parents[2]
PATCHES_MEASURED = 40


def preprocess(settings: Settings) -> dict[str, Any]:
    """Preprocess every training volume into an empty cache, reading and checking left out: seconds per volume."""
    from segtrail.experiment.preparation import prepare_volumes
    from segtrail.memory_reuse import keep_freed_memory
    from segtrail.preprocessing.cache import VolumeCache
    from segtrail.progress import Narrator

    config, data = _opened(settings)
    keep_freed_memory()  # as a training does before it preprocesses
    names = [*data.split.train, *data.split.val]
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        cache = VolumeCache(Path(folder), 100.0)
        started = time.perf_counter()
        prepare_volumes(config.preprocess, data, cache, Narrator(sys.stderr))
        seconds = time.perf_counter() - started
    return {"value": seconds / len(names), "volumes": len(names)}


def patch(settings: Settings) -> dict[str, Any]:
    """Make patches in one process, volumes preprocessed: seconds per patch."""
    from segtrail.experiment.preparation import cache_folder, prepare_volumes
    from segtrail.memory_reuse import keep_freed_memory
    from segtrail.preprocessing.cache import VolumeCache
    from segtrail.progress import Narrator
    from segtrail.training.patches import PatchDataset, PatchKey

    config, data = _opened(settings)
    cache = VolumeCache(cache_folder(config), 100.0)
    prepared, _ = prepare_volumes(config.preprocess, data, cache, Narrator(sys.stderr))
    cases = [prepared[case] for case in data.split.train]
    stage = next(iter(config.stage_configs().values()))
    patches = PatchDataset(cases, stage)
    keep_freed_memory()  # as the workers of a training do
    for case in range(len(cases)):  # pages come into the memory
        patches[PatchKey(1, case, 0)]
    started = time.perf_counter()
    for number in range(PATCHES_MEASURED):
        patches[PatchKey(2, number % len(cases), number // len(cases))]
    return {"value": (time.perf_counter() - started) / PATCHES_MEASURED}


def training(settings: Settings) -> dict[str, Any]:
    """Train two epochs: patches per second of the second one, waiting for patches included."""
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        changes = [*_changes(settings), f"paths.output_root={folder}", "train.max_epochs=2"]
        command = [sys.executable, "-m", "segtrail", "train", str(REPOSITORY / "configs" / "baseline.yaml")]
        subprocess.run([*command, *changes, "train.validate_every=100"], stdout=sys.stderr, check=True)
        (run,) = (Path(folder) / "runs").iterdir()
        with (run / "history.csv").open(encoding="utf-8", newline="") as stream:
            last = list(csv.DictReader(stream))[-1]
    return {"value": float(last["patches_per_second"]), "loss": float(last["train_loss"])}


def inference(settings: Settings) -> dict[str, Any]:
    """Segment the validation volumes from their files into label maps in the memory: seconds per volume."""
    from segtrail.dataset.description import read_description
    from segtrail.evaluation.metrics import compute_dice
    from segtrail.images.nifti import read_channels, read_volume
    from segtrail.inference.trained import open_trained_network

    assert settings.run is not None
    trained = open_trained_network(Path(settings.run), "best", "cpu")
    description, root = read_description(Path(settings.data)), Path(settings.data)
    seconds, dice = [], []
    for name in (settings.val[0], *settings.val):  # the first one warms up
        files = description.case(name)
        started = time.perf_counter()
        labels = trained.predictor.predict(read_channels(files.image_paths(root)))[0].labels
        seconds.append(time.perf_counter() - started)
        dice.append(compute_dice(labels == 1, read_volume(root / files.label).data[0] == 1))
    n_volumes = len(settings.val)
    return {"value": sum(seconds[1:]) / n_volumes, "dice": sum(dice[1:]) / n_volumes}


def _opened(settings: Settings) -> Any:
    """Read and check the data, and resolve the configuration."""
    from segtrail.config.load import load_config
    from segtrail.experiment.preparation import check_and_split, resolve_spacings
    from segtrail.progress import Narrator

    config = load_config(REPOSITORY / "configs" / "baseline.yaml", _changes(settings))
    data = check_and_split(config, Narrator(sys.stderr))
    return resolve_spacings(config, data), data


def _changes(settings: Settings) -> list[str]:
    return [
        f"paths.data_root={settings.data}",
        f"paths.cache_root={settings.work}/cache",
        f"preprocess.spacing={list(settings.spacing_mm)}",
        f"patch.patch_size={list(settings.patch_size)}",
        f"patch.patches_per_case={settings.patches_per_volume}",
        f"infer.roi_size={list(settings.patch_size)}",
        f"train.batch_size={settings.batch_size}",
        f"train.num_workers={settings.workers}",
        f"train.num_threads={settings.threads}",
        f"split.train={json.dumps(list(settings.train))}",
        f"split.val={json.dumps(list(settings.val))}",
        "report.enabled=false",
    ]


PARTS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "preprocess": preprocess,
    "patch": patch,
    "training": training,
    "inference": inference,
}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Settings.read(Path(sys.argv[2])))))
