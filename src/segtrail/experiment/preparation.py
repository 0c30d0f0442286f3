"""Everything before the run folder exists: a bad configuration or data set leaves nothing behind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segtrail.compute import Compute, set_up_compute
from segtrail.config.schema import Config
from segtrail.dataset.description import DatasetDescription, read_description
from segtrail.dataset.reading.scan import CaseScan
from segtrail.dataset.split import Split, split_cases
from segtrail.dataset.summary import summarise_dataset
from segtrail.experiment.checking import read_and_check, require_sound
from segtrail.networks.build import (
    BuiltNetwork,
    build_network,
    import_by_path,
    require_divisible,
    source_hash,
)
from segtrail.preprocessing.cache import PreparedCase, VolumeCache, median_spacing_mm
from segtrail.progress import Narrator
from segtrail.randomness import derive_seed
from segtrail.record.disk import require_writable
from segtrail.record.redaction import Redactor


@dataclass(frozen=True)
class PreparedData:
    """A data set that passed its checks, and its split."""

    description: DatasetDescription
    scans: dict[str, CaseScan]
    split: Split
    summary: dict[str, Any]


def check_and_split(config: Config, narrator: Narrator) -> PreparedData:
    """Read, check and split the data set.

    Args:
        config: The run's configuration.
        narrator: Hears of progress and warnings.

    Returns:
        The data set.

    Raises:
        CheckFailed: A check that stops training did not pass; all findings are listed.
        InputError: The description or the split can't be used.
    """
    root = Path(config.paths.data_root).expanduser()
    description = read_description(root, config.data.description_file)
    checked = read_and_check(description, config.data, narrator, cache_folder(config) / "scans")
    require_sound(checked, "trained on", narrator)
    scans = checked.usable
    split = split_cases(scans, config.split, checked.left_out)
    narrator.say(
        f"Data: {description.name}, {len(scans)} cases checked; {len(split.train)} train, "
        f"{len(split.val)} validate, {len(split.test)} are kept for the test."
    )
    summary = summarise_dataset(description, scans, checked.results, split, checked.left_out)
    return PreparedData(description, {scan.case: scan for scan in scans}, split, summary)


def resolve_config(config: Config, data: PreparedData) -> Config:
    """Fill in what follows from the data: the spacing, and the window of inference.

    Only training cases have a say in the spacing.
    """
    spacing = config.preprocess.spacing or median_spacing_mm([data.scans[case] for case in data.split.train])
    return config.model_copy(
        update={
            "preprocess": config.preprocess.model_copy(update={"spacing": spacing}),
            "infer": config.infer.model_copy(
                update={"roi_size": config.infer.roi_size or config.patch.patch_size}
            ),
        }
    )


def set_up_network(config: Config, description: DatasetDescription) -> tuple[Compute, BuiltNetwork]:
    """Choose the device and build the network on it, its weights drawn from the run's seed."""
    compute = set_up_compute(config.train)
    torch.manual_seed(derive_seed(config.train.seed, "weights"))
    assert config.preprocess.spacing is not None
    built = build_network(
        config.model,
        description.n_channels,
        len(description.labels),
        config.patch.patch_size,
        config.preprocess.spacing,
    )
    if config.infer.roi_size is not None:
        require_divisible(config.infer.roi_size, "infer.roi_size", built, config.model.name)
    built.place(compute.device, config.train.channels_last)
    return compute, built


def require_disk(config: Config, built: BuiltNetwork, n_predictions: int) -> None:
    """Ask for room for checkpoints (weights, and twice that for the optimiser, and a copy each) and predictions."""
    needed = built.n_parameters * 4 * (1 + 3) * 2 + n_predictions * 2e6
    require_writable(Path(config.paths.output_root).expanduser(), "paths.output_root", needed)


def cache_folder(config: Config) -> Path:
    """Return the folder of preprocessed volumes."""
    root = config.paths.cache_root
    return Path(root).expanduser() if root else Path(config.paths.output_root).expanduser() / "cache"


def redactor_for(config: Config) -> Redactor:
    """Return what keeps this machine's paths to data, cache and outputs out of a record."""
    return Redactor(
        {
            "data_root": Path(config.paths.data_root).expanduser().absolute(),
            "cache_root": cache_folder(config).absolute(),
            "output_root": Path(config.paths.output_root).expanduser().absolute(),
        }
    )


def prepare_volumes(
    config: Config, data: PreparedData, cache: VolumeCache, narrator: Narrator
) -> dict[str, PreparedCase]:
    """Preprocess every case of the split that is not in the cache yet.

    Args:
        config: The configuration, spacing resolved.
        data: The data set.
        cache: The cache.
        narrator: Hears of progress.

    Returns:
        The cases of training and validation by name.
    """
    names = [*data.split.train, *data.split.val]
    prepared, found = {}, 0
    with narrator.track("Preprocessing", len(names)) as tracker:
        for name in names:
            case, was_there = cache.prepare(
                data.description.root, data.description.case(name), data.scans[name], config.preprocess
            )
            prepared[name] = case
            found += was_there
            tracker.advance(name)
    assert config.preprocess.spacing is not None
    spacing = " x ".join(f"{mm:g}" for mm in config.preprocess.spacing)
    narrator.say(f"Preprocessed {len(names)} volumes at {spacing} mm; {found} of them were in the cache.")
    return prepared


def hash_own_code(config: Config) -> dict[str, str | None]:
    """Import whatever of the configuration is the user's own code now, and hash its sources."""
    named = [("augment.transforms", path) for path in config.augment.transforms]
    named += [("train.loss.name", config.train.loss.name), ("model.name", config.model.name)]
    return {path: source_hash(import_by_path(path, key)[1]) for key, path in named if ":" in path}
