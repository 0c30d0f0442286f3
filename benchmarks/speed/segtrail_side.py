"""One measurement of segtrail: python segtrail_side.py PART SETTINGS.json prints its value as JSON."""

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from memory import make_volumes, peak_above_imports_mib
from settings import MINI_VAL, Settings, cases_of
from training_command import REPOSITORY, make_deletable, split, training_command

PATCHES_MEASURED = 40
# Validation Dice to reach on heart_mini and on Task02_Heart.
DICE_MINI, DICE_FULL = 0.80, 0.90
_BETWEEN_LOOKS_SECONDS = 0.2


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
    from segtrail.config.load import load_config
    from segtrail.experiment.train_run import train_run
    from segtrail.progress import Narrator
    from segtrail.training import loop

    waits: list[float] = []
    make_loader = loop.make_loader
    loop.make_loader = lambda *arguments: _Watched(make_loader(*arguments), waits)  # type: ignore[assignment]
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        changes = [*_changes(settings), f"paths.output_root={folder}", "train.max_epochs=2"]
        config = load_config(REPOSITORY / "configs" / "baseline.yaml", [*changes, "train.validate_every=100"])
        run = train_run(config, Narrator(sys.stderr)).folder.path
        last = _read_history(run)[-1]
        make_deletable(run)
    n_patches = len(settings.train) * settings.patches_per_volume
    waited = sum(waits[len(waits) // 2 :]) * float(last["patches_per_second"]) / n_patches
    return {
        "value": float(last["patches_per_second"]),
        "waited_share": waited,
        "loss": float(last["train_loss"]),
    }


class _Watched:
    """A loader that notes how long each batch was waited for."""

    def __init__(self, loader: Any, waits: list[float]) -> None:
        self._loader, self._waits = loader, waits

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self._loader)
        while True:
            started = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self._waits.append(time.perf_counter() - started)
            yield batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def inference(settings: Settings) -> dict[str, Any]:
    """Segment the validation volumes from their files into label maps in the memory: seconds per volume."""
    return _segment(settings, settings.run)


def cascade(settings: Settings) -> dict[str, Any]:
    """The same with both networks of configs/cpu.yaml."""
    return _segment(settings, settings.cascade)


def _segment(settings: Settings, run: str | None) -> dict[str, Any]:
    from segtrail.dataset.description import read_description
    from segtrail.evaluation.metrics import compute_dice
    from segtrail.images.nifti import read_channels, read_volume
    from segtrail.inference.trained import open_trained_network

    assert run is not None
    trained = open_trained_network(Path(run), "best", "cpu")
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


def dice_mini(settings: Settings) -> dict[str, Any]:
    """Train configs/quick.yaml: seconds from the first step until the validation Dice is there."""
    return _time_to_dice(settings, "quick.yaml", settings.mini, ["train.validate_every=2"], DICE_MINI)


def dice_full(settings: Settings) -> dict[str, Any]:
    """Train configs/cpu.yaml: the same, from the first step of the coarse stage."""
    changes = ["stages.fine.train.validate_every=5", *split(settings.train, settings.val)]
    return _time_to_dice(settings, "cpu.yaml", settings.data, changes, DICE_FULL)


def nnunet_mini(settings: Settings) -> dict[str, Any]:
    """Train configs/quick.yaml to its end: the validation Dice of the last epoch, and the time it took."""
    train = [case for case in cases_of(Path(settings.mini)) if case not in MINI_VAL]
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        changes = [*split(train, MINI_VAL), f"train.num_threads={settings.threads}"]
        command = training_command("quick.yaml", settings.mini, folder, f"{settings.work}/cache", changes)
        subprocess.run(command, check=True, stdout=sys.stderr)
        (run,) = Path(folder).glob("runs/*")
        reached = _dice_at_the_end(run)
        make_deletable(Path(folder))
    return reached


def nnunet_full(settings: Settings) -> dict[str, Any]:
    """The same of the run of configs/cpu.yaml that segments in ``cascade``, both stages counted."""
    assert settings.cascade is not None
    return _dice_at_the_end(Path(settings.cascade))


def _dice_at_the_end(run: Path) -> dict[str, Any]:
    summary = json.loads((run / "metrics_summary.json").read_text(encoding="utf-8"))
    seconds = sum(float(row["seconds"]) for row in _read_history(run))
    return {"value": summary["selection"]["last_epoch_val_dice"], "training_seconds": seconds}


def _time_to_dice(
    settings: Settings, config: str, data: str, changes: Sequence[str], target: float
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        options = [*changes, f"train.num_threads={settings.threads}"]
        command = training_command(config, data, folder, f"{settings.work}/cache", options)
        with subprocess.Popen(command, stdout=sys.stderr) as process:
            while True:
                ended = process.poll() is not None
                reached = [row for row in _validated(Path(folder)) if float(row["val_dice"]) >= target]
                if reached or ended:
                    seconds = time.time() - _first_step(Path(folder))
                    break
                time.sleep(_BETWEEN_LOOKS_SECONDS)
            process.terminate()
        rows = _validated(Path(folder))
        make_deletable(Path(folder))
    best = max(float(row["val_dice"]) for row in rows)
    if not reached:
        return {"value": None, "dice": best}
    return {"value": seconds, "dice": float(reached[0]["val_dice"]), "epoch": int(reached[0]["epoch"])}


def _validated(outputs: Path) -> list[dict[str, str]]:
    """Return the validated epochs of the last network of the only run."""
    rows = [row for run in outputs.glob("runs/*") for row in _read_history(run)]
    return [row for row in rows if row["val_dice"] and row["stage"] in ("main", "fine")]


def _first_step(outputs: Path) -> float:
    """Return when training began, in seconds since 1970."""
    (journal,) = outputs.glob("runs/*/journal.jsonl")
    for line in journal.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["action"] == "data used" and entry["details"]["purpose"] == "train":
            return datetime.fromisoformat(entry["time_utc"]).timestamp()
    raise AssertionError("the run trained nothing")


def memory(settings: Settings, n_volumes: int) -> dict[str, Any]:
    """Train an epoch on many small volumes: the most anonymous memory above what the imports take, in MiB."""
    data = make_volumes(Path(settings.work), n_volumes)
    with tempfile.TemporaryDirectory(dir=settings.work) as folder:
        changes = [
            "preprocess.spacing=[1.0, 1.0, 1.0]",
            "patch={patch_size: [32, 32, 32], patches_per_case: 2}",
            "infer.roi_size=[32, 32, 32]",
            "train.max_epochs=1",
            f"train.num_workers={settings.workers}",
            f"train.num_threads={settings.threads}",
        ]
        command = training_command("baseline.yaml", data, folder, f"{folder}/cache", changes)
        peak = peak_above_imports_mib(command, "import monai.networks.nets, segtrail.experiment.train_run")
        make_deletable(Path(folder))
    return {"value": peak, "volumes": n_volumes}


def _read_history(run: Path) -> list[dict[str, str]]:
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


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
        *split(settings.train, settings.val),
        "report.enabled=false",
    ]


PARTS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "preprocess": preprocess,
    "patch": patch,
    "training": training,
    "inference": inference,
    "cascade": cascade,
    "dice_mini": dice_mini,
    "dice_full": dice_full,
    "nnunet_mini": nnunet_mini,
    "nnunet_full": nnunet_full,
    "memory_20": lambda settings: memory(settings, 20),
    "memory_200": lambda settings: memory(settings, 200),
    "memory_1000": lambda settings: memory(settings, 1000),
}

if __name__ == "__main__":
    print(json.dumps(PARTS[sys.argv[1]](Settings.read(Path(sys.argv[2])))))
