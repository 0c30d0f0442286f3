"""What the stages of a configuration take over from the sections above them, and what of it is the run's alone.

Everything here works on plain mappings, as they are read from YAML or written to it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

STAGE_SECTIONS = ("preprocess", "patch", "augment", "train", "model", "optim", "infer", "region")
RUN_SECTIONS = ("schema_version", "project", "paths", "data", "split", "report")
RUN_KEYS = {
    "train": ("seed", "num_workers", "device", "precision", "deterministic", "num_threads", "watch"),
    "infer": ("nsd_tolerances_mm",),
}
MOST_STAGES = 2
_HELPER_NAME = re.compile(r"_fold\d+$")

Problem = tuple[tuple[str, ...], str]


def find_problems(values: Any) -> list[Problem]:
    """Find what can't be told once the stages have taken over what stands above them.

    Args:
        values: The configuration as read.

    Returns:
        Every problem: the key where it stands, and a sentence without the key.
    """
    stages = _stages_of(values)
    problems: list[Problem] = []
    if len(stages) > MOST_STAGES:
        names = ", ".join(map(str, stages))
        problems.append((("stages",), f"at most two stages work one after the other; found {names}"))
    for name, stage in stages.items():
        if _HELPER_NAME.search(str(name)):
            problems.append(
                (("stages", str(name)), "names ending in _fold and a number are those of cross-fitting")
            )
        if isinstance(stage, Mapping):
            problems += _find_keys_of_the_run(str(name), stage)
    return problems


def inherit(values: Any) -> Any:
    """Give every stage all that it takes over, and leave above the stages only what is the run's.

    Args:
        values: The configuration as read; a stage that is null takes over everything.

    Returns:
        The configuration with stages that are complete as far as the file says; without stages, or where they are
        no mapping, the values as they are.
    """
    stages = _stages_of(values)
    if not stages:
        return values
    shared = {section: values[section] for section in STAGE_SECTIONS if section in values}
    if len(stages) == 1:
        shared.pop("region", None)  # stays where it is written, for nothing takes it over
    kept = {key: value for key, value in values.items() if key not in shared}
    kept |= {section: _keep(shared[section], keys) for section, keys in RUN_KEYS.items() if section in shared}
    first = next(iter(stages))
    first_shared = {section: value for section, value in shared.items() if section != "region"}
    whole = {
        name: _take_over(first_shared if name == first else shared, stage) for name, stage in stages.items()
    }
    return {**kept, "stages": whole}


def without_what_repeats(values: Mapping[str, Any]) -> dict[str, Any]:
    """Drop from a complete configuration what ``inherit`` and the defaults bring back.

    Args:
        values: Every key of a configuration, with complete stages.

    Returns:
        Without stages: no ``stages`` and no ``region``. With stages: of the sections above them only the run's keys,
        which the stages then leave out, and no ``region`` in the first stage.
    """
    stages = _stages_of(values)
    if not stages:
        return {key: value for key, value in values.items() if key not in ("stages", "region")}
    dropped = [section for section in STAGE_SECTIONS if section not in RUN_KEYS]
    kept = {key: value for key, value in values.items() if key not in dropped}
    kept |= {section: _keep(kept[section], keys) for section, keys in RUN_KEYS.items() if section in kept}
    first = next(iter(stages))
    return {
        **kept,
        "stages": {name: _own_part(stage, first=name == first) for name, stage in stages.items()},
    }


def untaken_by(values: Any, key: Sequence[str]) -> list[str]:
    """Name the stages, should no stage take over a key that stands above them.

    Args:
        values: The configuration as read.
        key: The key's parts, for example ``("train", "max_epochs")``.

    Returns:
        The stages that could take it and give their own; empty where at least one takes it.
    """
    stages = _stages_of(values)
    able = list(stages)[1:] if key[0] == "region" else list(stages)
    marker = object()
    nested: Any = marker
    for part in reversed(key):
        nested = {part: nested}
    marked = inherit(merge(values, nested))
    return able if all(_at(marked["stages"][name], key) is not marker for name in able) else []


def merge(shared: Any, own: Any) -> Any:
    """Lay a mapping over another one, section by section; anything else, lists too, replaces what was there."""
    if not isinstance(shared, Mapping) or not isinstance(own, Mapping):
        return own
    changed = {key: merge(shared[key], value) if key in shared else value for key, value in own.items()}
    return {**shared, **changed}


def _stages_of(values: Any) -> Mapping[Any, Any]:
    stages = values.get("stages") if isinstance(values, Mapping) else None
    return stages if isinstance(stages, Mapping) else {}


def _find_keys_of_the_run(name: str, stage: Mapping[Any, Any]) -> list[Problem]:
    problems: list[Problem] = [
        (("stages", name, section), f"{section} is the run's; give it once, outside the stages")
        for section in RUN_SECTIONS
        if section in stage
    ]
    for section, keys in RUN_KEYS.items():
        own = stage.get(section)
        problems += [
            (("stages", name, section, key), f"{key} is the run's; give it once, under {section}")
            for key in keys
            if isinstance(own, Mapping) and key in own
        ]
    return problems


def _take_over(shared: Mapping[str, Any], stage: Any) -> Any:
    own = {} if stage is None else stage
    names = _at(shared, ("model", "name")), _at(own, ("model", "name"))
    if None not in names and names[0] != names[1]:
        shared = {**shared, "model": {}}  # the keys of another network mean nothing to this one
    return merge(shared, own)


def _keep(section: Any, keys: Sequence[str]) -> Any:
    return {key: section[key] for key in keys if key in section} if isinstance(section, Mapping) else section


def _own_part(stage: Mapping[str, Any], *, first: bool) -> dict[str, Any]:
    own = {section: values for section, values in stage.items() if not (first and section == "region")}
    for section, keys in RUN_KEYS.items():
        if section in own:
            own[section] = {key: value for key, value in own[section].items() if key not in keys}
    return own


def _at(values: Any, key: Sequence[str]) -> Any:
    for part in key:
        values = values.get(part) if isinstance(values, Mapping) else None
    return values
