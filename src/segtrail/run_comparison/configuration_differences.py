"""Settings that are not the same in all runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from segtrail.report.sections.configuration import flatten
from segtrail.report.wording import join_words
from segtrail.run_comparison.compared_run import ComparedRun
from segtrail.run_comparison.difference import Difference, find_differences

# Where things lay on a machine is no setting of a training.
_OF_THE_MACHINE = ("paths", "schema_version")
_ONE_STAGE = "one, without a name"


def configuration_differences(runs: Sequence[ComparedRun]) -> tuple[list[Difference] | None, list[str]]:
    """Compare the settings key by key; of runs with other stages, those of the last stage.

    Args:
        runs: The runs.

    Returns:
        The differences, None where they can't be compared; and in sentences what could not be.
    """
    recorded = [run for run in runs if run.is_recorded]
    if recorded and len(recorded) < len(runs):
        others = "is the record" if len(recorded) == 1 else "are records"
        named = join_words([run.name for run in recorded])
        return None, [
            f"Settings are not compared key by key: {named} {others} of another program's training, whose keys "
            "mean other things."
        ]
    configs = [run.training_configuration if recorded else run.config for run in runs]
    missing = [run.name for run, config in zip(runs, configs, strict=True) if config is None]
    if missing:
        return None, [
            f"Settings are not compared: they are not on record, or can't be read, for {join_words(missing)}."
        ]
    known = [config for config in configs if config is not None]
    stages = [_stages(config) for config in known]
    same_stages = all(list(of_run) == list(stages[0]) for of_run in stages)
    facts = [_settings(config, whole=same_stages) for config in known]
    notes = (
        []
        if same_stages
        else ["The runs have other stages: compared are the settings of the last stage of each."]
    )
    return find_differences(runs, facts), notes


def _stages(config: Mapping[str, Any]) -> Mapping[str, Any]:
    stages = config.get("stages")
    return stages if isinstance(stages, Mapping) else {}


def _settings(config: Mapping[str, Any], *, whole: bool) -> dict[str, str]:
    kept = {key: value for key, value in config.items() if key not in _OF_THE_MACHINE}
    if whole:
        return dict(flatten(kept))
    stages = _stages(config)
    kept.pop("stages", None)
    last = list(stages.values())[-1] if stages else {}
    of_last = dict(flatten(last)) if isinstance(last, Mapping) else {}
    return {"stages": ", ".join(stages) or _ONE_STAGE, **dict(flatten(kept)), **of_last}
