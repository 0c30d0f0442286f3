"""What the text is written from: the contents of a run with its configuration, stage by stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from segtrail.config.schema import Config, StageConfig
from segtrail.errors import InputError
from segtrail.methods_text.escaping import plain
from segtrail.report.run_contents import RunContents, Stage


@dataclass(frozen=True)
class DescribedStage:
    """One network of a run.

    Attributes:
        stage: What the record says of it.
        config: How it was configured.
        is_last: Whether its label maps are the result.
    """

    stage: Stage
    config: StageConfig
    is_last: bool


@dataclass(frozen=True)
class DescribedRun:
    """A run with its configuration, typed.

    Attributes:
        contents: What its files say.
        config: config_resolved.yaml.
    """

    contents: RunContents
    config: Config

    @property
    def stages(self) -> list[DescribedStage]:
        """The networks in the order of work."""
        recorded, configured = self.contents.stages, list(self.config.stage_configs().values())
        return [
            DescribedStage(stage, config, place == len(configured) - 1)
            for place, (stage, config) in enumerate(zip(recorded, configured, strict=True))
        ]

    def n_cases(self, side: str) -> int:
        """Count the cases on a side of the split; 0 where the data set is not on record."""
        dataset = self.contents.dataset
        return 0 if dataset is None else sum(case.side == side for case in dataset.cases)


def describe(contents: RunContents) -> DescribedRun:
    """Read the configuration of a run with its types.

    Args:
        contents: The run.

    Returns:
        Both.

    Raises:
        InputError: The run has no configuration, or one that this segtrail does not understand, or stages that are
            not those of the record.
    """
    run_id = contents.run.run_id
    if contents.config is None or contents.run.recorded is not None:
        raise InputError(
            f"{run_id} holds no configuration of segtrail, so that there is nothing to describe its methods from."
        )
    try:
        run = DescribedRun(contents, Config.model_validate(contents.config))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            f"config_resolved.yaml of {run_id} is not understood, at {'.'.join(map(str, first['loc']))}: "
            f"{first['msg']}. Take the segtrail that made the run."
        ) from None
    if len(contents.stages) != len(run.config.stage_configs()):
        raise InputError(
            f"run.json of {run_id} names {len(contents.stages)} stages, config_resolved.yaml "
            f"{len(run.config.stage_configs())}. Restore the files from a copy of the run."
        )
    return run


def for_each(stages: Sequence[DescribedStage], write: Callable[[DescribedStage], str]) -> str:
    """Write a paragraph for each stage, named where there are several; one where all would say the same."""
    texts = [write(stage) for stage in stages]
    if len(stages) == 1:
        return texts[0]
    if len(set(texts)) == 1:
        return f"*Both networks.* {texts[0]}"
    return "\n\n".join(
        f"*Network “{plain(stage.stage.name)}”.* {text}" for stage, text in zip(stages, texts, strict=True)
    )
