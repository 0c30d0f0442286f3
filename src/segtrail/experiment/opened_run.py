"""What a training starts from: data checked, split and preprocessed, networks built; the same for a resume."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from segtrail.compute import Compute
from segtrail.config.schema import Config
from segtrail.experiment.preparation import (
    PreparedData,
    Stage,
    cache_folder,
    check_and_split,
    import_own_code,
    prepare_volumes,
    require_disk,
    resolve_spacings,
    set_up_networks,
    settle_stages,
)
from segtrail.experiment.timing import Spent, timed
from segtrail.networks.build import source_hash
from segtrail.preprocessing.cache import PreparedCase, VolumeCache
from segtrail.progress import Narrator
from segtrail.training.rehearsal import rehearse


@dataclass(frozen=True)
class OpenedRun:
    """Everything that training starts from.

    Attributes:
        config: The configuration, nothing left open.
        data: The data set.
        compute: Device and precision.
        stages: The networks in their order, with fresh weights.
        own_modules: The modules of the user's own code, by the path that the configuration names it with.
        preprocessed: The cases whose files were read to preprocess them now, by stage; the others were in the cache.
        spent: What each part of this took.
    """

    config: Config
    data: PreparedData
    compute: Compute
    stages: list[Stage]
    own_modules: dict[str, ModuleType]
    preprocessed: dict[str, list[str]]
    spent: Spent

    @property
    def own_code(self) -> dict[str, str | None]:
        """SHA-256 of the sources of the user's own code, by the path that the configuration names it with."""
        return {path: source_hash(module) for path, module in self.own_modules.items()}


def open_run(config: Config, narrator: Narrator, claims: ExitStack, run_dir: Path | None = None) -> OpenedRun:
    """Check, split, preprocess, build the networks and rehearse a step of each.

    Args:
        config: The configuration.
        narrator: Hears of all that happens.
        claims: Keeps the preprocessed volumes in the cache for as long as it lasts.
        run_dir: The folder of a run that is gone on with; None where a new one will be made.

    Returns:
        What training starts from.

    Raises:
        InputError: Configuration, data or machine can't be worked with.
        CheckFailed: The data did not pass their checks.
        TrainingFailed: The memory does not suffice.
    """
    spent = Spent()
    with timed(spent, "checks"):
        data = check_and_split(config, narrator)
        config = resolve_spacings(config, data)
        own_modules = import_own_code(config)
        compute, networks = set_up_networks(config, data.description)
        require_disk(config, networks.values(), len(data.split.val) + len(data.split.test), run_dir)
    with timed(spent, "preprocess"):
        prepared, preprocessed = _preprocess(config, data, narrator, claims)
    config, stages = settle_stages(config, data, compute, networks, prepared)
    opened = OpenedRun(config, data, compute, stages, own_modules, preprocessed, spent)
    _rehearse(opened)
    return opened


def _preprocess(
    config: Config, data: PreparedData, narrator: Narrator, claims: ExitStack
) -> tuple[dict[str, dict[str, PreparedCase]], dict[str, list[str]]]:
    """Preprocess the cases for every stage; their cache entries are kept for as long as the claims last."""
    scans = [data.scans[case] for case in [*data.split.train, *data.split.val]]
    prepared, made = {}, {}
    for name, stage in config.stage_configs().items():
        cache = VolumeCache(cache_folder(config), stage.preprocess.cache_limit_gb)
        claims.enter_context(cache.claim(scans, stage.preprocess))
        prepared[name], made[name] = prepare_volumes(stage.preprocess, data, cache, narrator)
    return prepared, made


def _rehearse(opened: OpenedRun) -> None:
    for stage in opened.stages:
        cases = [stage.prepared[case] for case in opened.data.split.train]
        rehearse(stage.config, stage.built, opened.compute, cases, opened.data.description, stage.prefix)
