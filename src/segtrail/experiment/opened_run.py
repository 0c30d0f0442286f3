"""What a training starts from: data checked, split and preprocessed, networks built; the same for a resume."""

from contextlib import ExitStack
from dataclasses import dataclass

from segtrail.compute import Compute
from segtrail.config.schema import Config
from segtrail.experiment.preparation import (
    PreparedData,
    Stage,
    cache_folder,
    check_and_split,
    hash_own_code,
    prepare_volumes,
    require_disk,
    resolve_spacings,
    set_up_networks,
    settle_stages,
)
from segtrail.experiment.timing import timed
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
        own_code: SHA-256 of the user's own code, by the path that the configuration names it with.
        preprocessed: The cases whose files were read to preprocess them now, by stage; the others were in the cache.
        seconds: How long each part of this took.
    """

    config: Config
    data: PreparedData
    compute: Compute
    stages: list[Stage]
    own_code: dict[str, str | None]
    preprocessed: dict[str, list[str]]
    seconds: dict[str, float]


def open_run(config: Config, narrator: Narrator, claims: ExitStack) -> OpenedRun:
    """Check, split, preprocess, build the networks and rehearse a step of each.

    Args:
        config: The configuration.
        narrator: Hears of all that happens.
        claims: Keeps the preprocessed volumes in the cache for as long as it lasts.

    Returns:
        What training starts from.

    Raises:
        InputError: Configuration, data or machine can't be worked with.
        CheckFailed: The data did not pass their checks.
        TrainingFailed: The memory does not suffice.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, "checks"):
        data = check_and_split(config, narrator)
        config = resolve_spacings(config, data)
        own_code = hash_own_code(config)
        compute, networks = set_up_networks(config, data.description)
        require_disk(config, networks.values(), len(data.split.val) + len(data.split.test))
    with timed(seconds, "preprocess"):
        prepared, preprocessed = _preprocess(config, data, narrator, claims)
    config, stages = settle_stages(config, data, compute, networks, prepared)
    opened = OpenedRun(config, data, compute, stages, own_code, preprocessed, seconds)
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
