"""Everything before the run folder exists: a bad configuration or data set leaves nothing behind."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from segtrail.compute import Compute, set_up_compute
from segtrail.config.schema import ONLY_STAGE, Config, PreprocessConfig, StageConfig
from segtrail.dataset.checking.checks import CheckResult
from segtrail.dataset.description import DatasetDescription, read_description
from segtrail.dataset.reading.scan import CaseScan
from segtrail.dataset.split import Split, inseparable_cases, split_cases
from segtrail.dataset.summary import summarise_dataset
from segtrail.errors import InputError
from segtrail.experiment.checking import read_and_check, require_sound
from segtrail.experiment.patch_size import region_size, whole_volume_size
from segtrail.networks.build import (
    BuiltNetwork,
    build_network,
    import_by_path,
    require_divisible,
)
from segtrail.parallel import count_at_once
from segtrail.preprocessing.cache import PreparedCase, VolumeCache, bytes_to_prepare, median_spacing_mm
from segtrail.progress import Narrator
from segtrail.randomness import derive_seed
from segtrail.record.disk import require_room_for_run, require_writable
from segtrail.record.redaction import Redactor
from segtrail.training.device_patches import fit_on_device

# Of a network whose patches are chosen once the volumes are preprocessed.
_PROVISIONAL_PATCH = (96, 96, 96)


@dataclass(frozen=True)
class PreparedData:
    """A data set that passed its checks, and its split.

    Attributes:
        description: What ``dataset.json`` says.
        scans: What reading the files gave, by case.
        split: The sides.
        groups: The cases, each with those that it must stay together with.
        results: The results of the checks.
        summary: The content of ``dataset_summary.json``.
    """

    description: DatasetDescription
    scans: dict[str, CaseScan]
    split: Split
    groups: list[tuple[str, ...]]
    results: tuple[CheckResult, ...]
    summary: dict[str, Any]

    def hashes(self, cases: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the hashes of the files of cases, for the journal: ``image`` and ``label`` by case."""
        return {case: self.scans[case].hashes() for case in cases}


@dataclass(frozen=True)
class Stage:
    """One network of a run, ready to be trained.

    Attributes:
        name: Its name in the configuration.
        config: Its configuration, nothing left open, with a seed of its own.
        built: The network, with fresh weights, on its device.
        prepared: The preprocessed cases of training and validation by name.
        prefix: What stands before its keys in the configuration, for messages.
    """

    name: str
    config: StageConfig
    built: BuiltNetwork
    prepared: dict[str, PreparedCase]
    prefix: str = ""

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Spacing of its working grid."""
        assert self.config.preprocess.spacing is not None
        return self.config.preprocess.spacing

    def reseeded(self, seed: int) -> "Stage":
        """Return the stage with another seed."""
        return replace(self, config=_with_seed(self.config, seed))

    def shape_of(self, case: str) -> tuple[int, ...]:
        """Return the voxels of a case on the working grid."""
        return self.prepared[case].label().shape


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
    groups = inseparable_cases(scans, config.split)
    by_case = {scan.case: scan for scan in scans}
    return PreparedData(description, by_case, split, groups, checked.results, summary)


def resolve_spacings(config: Config, data: PreparedData) -> Config:
    """Fill in the spacing of every stage that leaves it to the data: the median of the training cases."""
    median = median_spacing_mm([data.scans[case] for case in data.split.train])
    return config.with_stages(
        {
            name: stage.model_copy(
                update={
                    "preprocess": stage.preprocess.model_copy(
                        update={"spacing": stage.preprocess.spacing or median}
                    )
                }
            )
            for name, stage in config.stage_configs().items()
        }
    )


def set_up_networks(
    config: Config, description: DatasetDescription
) -> tuple[Compute, dict[str, BuiltNetwork]]:
    """Choose the device and build every stage's network on it.

    A stage whose patches are chosen later gets a network for patches of the default size, to be built again then.
    """
    compute = set_up_compute(config.train)
    return compute, {
        name: build_stage_network(seeded(stage, name), description, compute, prefix_of(config, name))
        for name, stage in config.stage_configs().items()
    }


def build_stage_network(
    config: StageConfig, description: DatasetDescription, compute: Compute, prefix: str = ""
) -> BuiltNetwork:
    """Build the network of a stage on the device, its weights drawn from the stage's seed.

    Args:
        config: The stage's configuration, spacing resolved.
        description: The data set.
        compute: Device and precision.
        prefix: What stands before its keys in the configuration.
    """
    torch.manual_seed(derive_seed(config.train.seed, "weights"))
    assert config.preprocess.spacing is not None
    built = build_network(
        config.model,
        description.n_channels,
        len(description.labels),
        config.patch.patch_size or _PROVISIONAL_PATCH,
        config.preprocess.spacing,
        prefix,
    )
    if config.infer.roi_size is not None:
        require_divisible(config.infer.roi_size, f"{prefix}infer.roi_size", built, config.model.name)
    built.place(compute.device, config.train.channels_last)
    return built


def seeded(config: StageConfig, name: str) -> StageConfig:
    """Give a stage a seed of its own, derived from the run's; the only stage of a run takes the run's."""
    if name == ONLY_STAGE:
        return config
    return _with_seed(config, derive_seed(config.train.seed, "stage", name))


def prefix_of(config: Config, name: str) -> str:
    """Return what stands before the keys of a stage in the configuration."""
    return f"stages.{name}." if config.stages else ""


def settle_stages(
    config: Config,
    data: PreparedData,
    compute: Compute,
    networks: Mapping[str, BuiltNetwork],
    prepared: Mapping[str, dict[str, PreparedCase]],
) -> tuple[Config, list[Stage]]:
    """Choose the patches that the configuration leaves to the data, and put the stages together.

    Args:
        config: The configuration, spacings resolved.
        data: The data set.
        compute: Device and precision.
        networks: The networks by stage.
        prepared: The preprocessed cases by stage and name.

    Returns:
        The configuration with nothing left open, and the stages in their order.

    Raises:
        InputError: A size does not suit a network, or no region can be chosen.
    """
    settled, stages = {}, []
    for place, (name, stage) in enumerate(config.stage_configs().items()):
        built, size, prefix = networks[name], stage.patch.patch_size, prefix_of(config, name)
        train = [prepared[name][case] for case in data.split.train]
        if size is None:
            choose = whole_volume_size if place == 0 else region_size
            size = choose(stage, built, compute, train)
        settled[name] = _with_place_of_patches(_with_sizes(stage, size), train, compute, prefix)
        own = seeded(settled[name], name)
        if stage.patch.patch_size is None:
            built = build_stage_network(own, data.description, compute, prefix)
        stages.append(Stage(name, own, built, prepared[name], prefix))
    return config.with_stages(settled), stages


def _with_seed(config: StageConfig, seed: int) -> StageConfig:
    return config.model_copy(update={"train": config.train.model_copy(update={"seed": seed})})


def _with_sizes(config: StageConfig, size: tuple[int, int, int]) -> StageConfig:
    return config.model_copy(
        update={
            "patch": config.patch.model_copy(update={"patch_size": size}),
            "infer": config.infer.model_copy(update={"roi_size": config.infer.roi_size or size}),
        }
    )


def _with_place_of_patches(
    config: StageConfig, cases: Sequence[PreparedCase], compute: Compute, prefix: str
) -> StageConfig:
    if config.train.patches_on == "device":
        _require_patches_on_device(config, compute, prefix)
    if config.train.patches_on != "auto":
        return config
    fit = fit_on_device(config, cases, compute.device, compute.memory_bytes())
    train = config.train.model_copy(update={"patches_on": "device" if fit else "cpu"})
    return config.model_copy(update={"train": train})


def _require_patches_on_device(config: StageConfig, compute: Compute, prefix: str) -> None:
    because = ""
    if config.augment.enabled and config.augment.transforms:
        because = f"{prefix}augment.transforms names transforms of your own, which run on the CPU"
    elif compute.device.type == "mps":
        because = "torch can't interpolate in 3D on Apple MPS"
    if because:
        raise InputError(f"{prefix}train.patches_on is device, but {because}. Use auto or cpu.")


def require_disk(
    config: Config, networks: Iterable[BuiltNetwork], n_predictions: int, run_dir: Path | None
) -> None:
    """Ask for room for checkpoints (weights, and twice that for the optimiser, and a copy each) and predictions.

    Args:
        config: The configuration.
        networks: The networks that are trained.
        n_predictions: How many label maps are written.
        run_dir: The folder of a run that is gone on with; None where a new one will be made.
    """
    needed = sum(built.n_parameters for built in networks) * 4 * (1 + 3) * 2 + n_predictions * 2e6
    if run_dir is not None:
        require_room_for_run(run_dir, needed)
    else:
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
    config: PreprocessConfig, data: PreparedData, cache: VolumeCache, narrator: Narrator
) -> tuple[dict[str, PreparedCase], list[str]]:
    """Preprocess every case of the split that is not in the cache yet, several at once.

    Args:
        config: Preprocessing, spacing resolved.
        data: The data set.
        cache: The cache.
        narrator: Hears of progress.

    Returns:
        The cases of training and validation by name, and those whose files were read for it.
    """
    names = [*data.split.train, *data.split.val]
    description = data.description

    def prepare(name: str) -> tuple[PreparedCase, bool]:
        return cache.prepare(description.root, description.case(name), data.scans[name], config)

    prepared, made = {}, []
    at_once = count_at_once(max(bytes_to_prepare(data.scans[name], config) for name in names))
    with (
        narrator.track("Preprocessing", len(names)) as tracker,
        ThreadPoolExecutor(max_workers=at_once) as pool,
    ):
        for name, (case, was_there) in zip(names, pool.map(prepare, names), strict=True):
            prepared[name] = case
            made += [] if was_there else [name]
            tracker.advance(name)
    assert config.spacing is not None
    spacing = " x ".join(f"{mm:g}" for mm in config.spacing)
    found = len(names) - len(made)
    narrator.say(f"Preprocessed {len(names)} volumes at {spacing} mm; {found} of them were in the cache.")
    return prepared, made


def import_own_code(config: Config) -> dict[str, ModuleType]:
    """Import whatever of the configuration is the user's own code now."""
    named = [
        (f"{prefix_of(config, name)}{key}", path)
        for name, stage in config.stage_configs().items()
        for key, path in _import_paths(stage)
        if ":" in path
    ]
    return {path: import_by_path(path, key)[1] for key, path in named}


def _import_paths(stage: StageConfig) -> list[tuple[str, str]]:
    named = [("augment.transforms", path) for path in stage.augment.transforms]
    return [*named, ("train.loss.name", stage.train.loss.name), ("model.name", stage.model.name)]
