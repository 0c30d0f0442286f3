"""The typed schema of ``configs/*.yaml``: every key, its type, its default and a sentence about it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from segtrail.config.augment_schema import AugmentConfig
from segtrail.config.inheritance import (
    MOST_STAGES,
    RUN_KEYS,
    Problem,
    find_problems,
    inherit,
    without_what_repeats,
)
from segtrail.config.network_schema import ModelConfig, UNet3DConfig
from segtrail.config.section import (
    Fraction,
    PositiveFloat,
    PositiveInt,
    Section,
    Seed,
    Size3D,
    Spacing3D,
)

ONLY_STAGE = "main"
StageName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
DEVICE_PATTERN = r"^(auto|cpu|mps|cuda(:\d+)?)$"


class ProjectConfig(Section):
    """What the run is called and who answers for it."""

    name: str = Field("segtrail", description="Name of the pipeline, shown in the report.")
    description: str = Field("", description="One sentence about the purpose of the run.")
    operator: str | None = Field(
        None, description="The person who runs it, as the record shall name them; null leaves them out."
    )


class PathsConfig(Section):
    """Where data are read and runs are written; relative paths start at the current directory."""

    data_root: str = Field(description="Folder that holds the data set's dataset.json.")
    output_root: str = Field("outputs", description="Folder under which runs/ is made.")
    cache_root: str | None = Field(
        None,
        description="Folder for preprocessed volumes, shared between runs; null means OUTPUT_ROOT/cache.",
    )


class DataConfig(Section):
    """How the data set is read and checked."""

    description_file: str = Field(
        "dataset.json", description="Name of the decathlon-style description inside data_root."
    )
    geometry_tolerance_mm: PositiveFloat = Field(
        0.1,
        description="Largest distance, in mm, between the same voxel of image and label by their two affines.",
    )
    allow: tuple[str, ...] = Field(
        (),
        description="IDs of checks whose errors count as warnings, for example [label-empty]; cases that can't be "
        "used at all are left out then. docs/checks.md lists the checks.",
    )
    read_all: bool = Field(
        False,
        description="Read every file again; false takes over what was found before in files whose size, times and "
        "inode are the same.",
    )


class SplitConfig(Section):
    """Which cases train, which choose the epoch, which are kept for the end."""

    seed: Seed = Field(0, description="Seed of the split by fraction.")
    val_frac: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.2, description="Share of the cases kept for validation when no lists are named."
    )
    train: tuple[str, ...] | None = Field(
        None, description="Cases to train on; null means every case that is in no other list."
    )
    val: tuple[str, ...] | None = Field(
        None, description="Cases to validate on; null means a seeded choice of val_frac of them."
    )
    test: tuple[str, ...] = Field((), description="Cases evaluated only once, at the end.")
    groups: dict[str, tuple[str, ...]] = Field(
        {}, description="Cases of one patient or centre, by group name; a group stays on one side."
    )


class PreprocessConfig(Section):
    """What is done to every volume once, before training; the results are cached."""

    spacing: Spacing3D | None = Field(
        None,
        description="Voxel spacing in mm (x, y, z) to train at; null takes the median of the training cases.",
    )
    normalisation: Literal["zscore_nonzero", "zscore", "percentile", "window", "none"] = Field(
        "zscore_nonzero",
        description="Intensity scaling per channel: z-score with mean and deviation of the non-zero voxels, or of all; "
        "percentile (0.5th to 99.5th to 0..1); the fixed intensity_window to 0..1; none.",
    )
    intensity_window: tuple[float, float] | None = Field(
        None,
        description="Lowest and highest intensity for normalisation: window, for example [-160, 240] for CT.",
    )
    antialias: bool = Field(
        True, description="Smooth before sampling an image down, so that detail does not alias."
    )
    cache_limit_gb: PositiveFloat = Field(
        50.0,
        description="Size limit of the cache of preprocessed volumes, in GB; the least recently used go first.",
    )

    @model_validator(mode="after")
    def _window_is_given(self) -> "PreprocessConfig":
        window = self.intensity_window
        if self.normalisation == "window" and (window is None or window[0] >= window[1]):
            raise ValueError(
                "normalisation: window needs intensity_window: [lowest, highest] with lowest below highest"
            )
        return self


class PatchConfig(Section):
    """The pieces of volume that the network sees in training."""

    patch_size: Size3D | None = Field(
        (96, 96, 96),
        description="Voxels (x, y, z) of one patch; null takes the largest training volume in a first stage and the "
        "region around the organs in a later one, as far as the memory allows.",
    )
    pos_neg_ratio: Annotated[float, Field(ge=0)] = Field(
        1.0, description="Patches centred on foreground for every patch centred anywhere."
    )
    patches_per_case: PositiveInt = Field(
        4, description="Patches drawn from every training case in one epoch."
    )


class LossConfig(Section):
    """What training makes small."""

    name: Annotated[str, Field(pattern=r"^(dice_ce|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")] = Field(
        "dice_ce",
        description="dice_ce (Dice + cross entropy), or module:Class of your own, called on logits and one-hot labels.",
    )
    dice_weight: Annotated[float, Field(ge=0)] = Field(1.0, description="Weight of the Dice loss.")
    cross_entropy_weight: Annotated[float, Field(ge=0)] = Field(
        1.0, description="Weight of the cross entropy."
    )
    batch_dice: bool = Field(True, description="Compute Dice over the batch as one volume; false: per patch.")


class CheckpointEveryConfig(Section):
    """When ``last.pt`` is written besides at the end of every epoch; it changes no result."""

    steps: PositiveInt | None = Field(None, description="Steps between two checkpoints; null: none by steps.")
    minutes: PositiveFloat | None = Field(
        10.0, description="Minutes between two checkpoints; null: none by time."
    )


class TrainConfig(Section):
    """The training loop."""

    seed: Seed = Field(0, description="Seed of initial weights, patches and augmentation.")
    batch_size: PositiveInt = Field(2, description="Patches in one step.")
    max_epochs: PositiveInt = Field(
        300, description="Epochs to train; one draws patches_per_case from every case."
    )
    num_workers: Annotated[int, Field(ge=0, le=64, strict=True)] = Field(
        2, description="Processes that prepare patches; any number gives the same result."
    )
    patches_on: Literal["auto", "cpu", "device"] = Field(
        "auto",
        description="Where patches are made: cpu, by num_workers processes; device, where the volumes then lie too, "
        "and the noise has other numbers. auto takes the device where it is CUDA, the volumes take at most a quarter "
        "of its memory and augment.transforms is empty.",
    )
    device: Annotated[str, Field(pattern=DEVICE_PATTERN)] = Field(
        "auto", description="auto (CUDA, then Apple MPS, then CPU), cpu, mps, cuda or cuda:N."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="Arithmetic of the network: auto takes bf16 where the device computes it in hardware.",
    )
    channels_last: Literal["auto", True, False] = Field(
        "auto", description="Memory layout of the network: auto takes what is measured as faster for it."
    )
    deterministic: bool = Field(True, description="Use only algorithms that give the same bits every time.")
    num_threads: PositiveInt | None = Field(
        None, description="CPU threads of the network; null takes the cores this process may use."
    )
    validate_every: PositiveInt = Field(
        1, description="Epochs between validations on full volumes; the last epoch is always validated."
    )
    gradient_clip: PositiveFloat | None = Field(
        12.0, description="Largest norm of the gradient; null: no limit."
    )
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="Decay, per step, of a moving average of the weights, which is then what is validated, kept and "
        "used; null takes the weights themselves.",
    )
    keep: Literal["best", "last"] = Field(
        "best",
        description="The epoch whose weights best.pt holds: best by validation Dice, or last, so that the validation "
        "cases choose nothing. Of a stage that is not the last one it is always the last.",
    )
    loss: LossConfig = Field(LossConfig(), description="The loss.")
    checkpoint_every: CheckpointEveryConfig = Field(
        CheckpointEveryConfig(),
        description="When last.pt is written besides at the end of every epoch, so that an interruption costs less.",
    )
    watch: Literal["mlflow"] | None = Field(
        None,
        description="mlflow tells the tracking server of MLFLOW_TRACKING_URI of every epoch while the run trains; it "
        "changes no result.",
    )


class ScheduleConfig(Section):
    """How the learning rate moves from step to step."""

    name: Literal["constant", "onecycle", "polynomial"] = Field(
        "polynomial",
        description="constant; onecycle (warm up to lr, then cosine to nearly 0); polynomial decay to 0.",
    )
    warmup_fraction: Fraction = Field(0.25, description="onecycle: share of all steps spent on warming up.")
    power: PositiveFloat = Field(0.9, description="polynomial: exponent of the decay.")


class OptimConfig(Section):
    """The optimiser."""

    name: Literal["adamw", "sgd"] = Field("adamw", description="adamw, or sgd with Nesterov momentum.")
    lr: PositiveFloat = Field(2e-4, description="Learning rate, the highest of the schedule.")
    weight_decay: Annotated[float, Field(ge=0)] = Field(1e-5, description="Weight decay.")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.99, description="Momentum of sgd.")
    schedule: ScheduleConfig = Field(ScheduleConfig(), description="Schedule of the learning rate.")


class InferConfig(Section):
    """How full volumes are segmented and measured."""

    mode: Literal["auto", "sliding_window", "whole_volume"] = Field(
        "auto",
        description="whole_volume shows the network the volume at once; auto does so where the network's "
        "normalisation layers and the device's memory allow it.",
    )
    roi_size: Size3D | None = Field(None, description="Voxels of one window; null takes patch.patch_size.")
    overlap: Annotated[float, Field(ge=0, lt=1)] = Field(0.5, description="Overlap of neighbouring windows.")
    batch_size: PositiveInt = Field(1, description="Windows that go through the network together.")
    flips: tuple[Annotated[int, Field(ge=0, le=2, strict=True)], ...] = Field(
        (),
        description="Axes (0 x, 1 y, 2 z) along which the image is mirrored too, every combination, and the results "
        "averaged; for networks trained with such flips.",
    )
    largest_component: bool = Field(False, description="Keep only the largest connected part of each class.")
    nsd_tolerances_mm: tuple[PositiveFloat, ...] = Field(
        (1.0, 2.0), description="Tolerances, in mm, at which the normalised surface Dice is reported."
    )

    @model_validator(mode="after")
    def _each_axis_once(self) -> "InferConfig":
        if len(set(self.flips)) < len(self.flips):
            raise ValueError("flips names an axis twice")
        return self


class RegionConfig(Section):
    """Where a later stage looks: around what the stage before it finds."""

    margin_mm: Annotated[float, Field(ge=0)] = Field(
        15.0, description="Room around the organs on every side, when the size of the region is chosen."
    )
    shift_mm: Annotated[float, Field(ge=0)] = Field(
        10.0,
        description="Largest random shift of a training region along each axis, beyond the error it has.",
    )
    anywhere_fraction: Fraction = Field(
        0.1,
        description="Share of training patches taken from anywhere in the volume, so that the stage can also search "
        "all of it where the regions fail.",
    )
    crossfit_folds: Annotated[int, Field(ge=2, strict=True)] = Field(
        3,
        description="Networks of the stage before, each trained without its share of the training cases, that find "
        "the regions of those.",
    )


class ReportConfig(Section):
    """The report at the end."""

    enabled: bool = Field(True, description="Make report.pdf and report.html when training ends.")
    page: Literal["a4", "letter"] = Field("a4", description="Its paper: a4, or US letter.")
    bootstrap_samples: Annotated[int, Field(ge=1, le=100_000, strict=True)] = Field(
        2000, description="Resamples behind each interval of a mean."
    )
    confidence: Annotated[float, Field(gt=0, lt=1)] = Field(0.95, description="Coverage of the intervals.")


class StageConfig(Section):
    """One network of a run: what it sees, how it is trained, how it segments."""

    preprocess: PreprocessConfig = Field(PreprocessConfig(), description="What is done to every volume once.")
    patch: PatchConfig = Field(PatchConfig(), description="What the network sees in training.")
    augment: AugmentConfig = Field(AugmentConfig(), description="Random changes to the patches.")
    train: TrainConfig = Field(TrainConfig(), description="The training loop.")
    model: ModelConfig = Field(UNet3DConfig(name="unet3d"), description="The network.")
    optim: OptimConfig = Field(OptimConfig(), description="The optimiser.")
    infer: InferConfig = Field(InferConfig(), description="How full volumes are segmented and measured.")
    region: RegionConfig = Field(
        RegionConfig(), description="Where a later stage looks; a first stage looks everywhere."
    )


def _allow_empty_stages(schema: dict[str, Any]) -> None:
    """Tell editors what a stage may look like in a file, where it may say nothing."""
    [(pattern, stage)] = schema.pop("patternProperties").items()
    schema["patternProperties"] = {pattern: {"anyOf": [stage, {"type": "null"}]}}
    schema["additionalProperties"] = False
    schema["maxProperties"] = MOST_STAGES


class Config(Section):
    """A whole training run."""

    schema_version: Literal[1] = Field(1, description="Version of this schema.")
    project: ProjectConfig = Field(ProjectConfig(), description="What the run is called.")
    paths: PathsConfig = Field(description="Where data are read and runs are written.")
    data: DataConfig = Field(DataConfig(), description="How the data set is read and checked.")
    split: SplitConfig = Field(SplitConfig(), description="Which cases train and which validate.")
    preprocess: PreprocessConfig = Field(PreprocessConfig(), description="What is done to every volume once.")
    patch: PatchConfig = Field(PatchConfig(), description="What the network sees in training.")
    augment: AugmentConfig = Field(AugmentConfig(), description="Random changes to the patches.")
    train: TrainConfig = Field(TrainConfig(), description="The training loop.")
    model: ModelConfig = Field(UNet3DConfig(name="unet3d"), description="The network.")
    optim: OptimConfig = Field(OptimConfig(), description="The optimiser.")
    infer: InferConfig = Field(InferConfig(), description="How full volumes are segmented and measured.")
    report: ReportConfig = Field(ReportConfig(), description="The report at the end.")
    region: RegionConfig = Field(
        RegionConfig(), description="Where a later stage looks; a first stage looks everywhere."
    )
    stages: dict[StageName, StageConfig] = Field(
        {},
        description="Networks that work one after the other; each takes the sections above as they are and says only "
        "what differs. None: one stage.",
        json_schema_extra=_allow_empty_stages,
    )

    @model_validator(mode="before")
    @classmethod
    def _stages_inherit(cls, values: Any) -> Any:
        _refuse(find_problems(values))
        return inherit(values)

    @model_validator(mode="after")
    def _stages_agree(self) -> "Config":
        _refuse([*self._idle_regions(), *self._keys_that_differ_from_the_run()])
        return self

    @model_serializer(mode="wrap")
    def _resolved_form(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_what_repeats(dump(self))

    def stage_configs(self) -> dict[str, StageConfig]:
        """Return the stages by name, in their order; a configuration without any is one stage, called main."""
        if self.stages:
            return dict(self.stages)
        sections = {name: getattr(self, name) for name in StageConfig.model_fields}
        return {ONLY_STAGE: StageConfig(**sections)}

    def with_stages(self, stages: Mapping[str, StageConfig]) -> "Config":
        """Put stages back that were filled in.

        Args:
            stages: What ``stage_configs`` returned, with keys changed.

        Returns:
            A copy with these stages. Without ``stages`` in the configuration, the only one's sections are the
            configuration's own again.

        Raises:
            ValueError: The names or their order differ, a key of the run differs from the run's, or a stage that
                looks everywhere was given a region.
        """
        known = list(self.stage_configs())
        if list(stages) != known:
            raise ValueError(f"The stages are {known}, not {list(stages)}.")
        sections = {name: getattr(self, name) for name in Config.model_fields}
        if self.stages:
            return Config(**{**sections, "stages": dict(stages)})
        only = stages[ONLY_STAGE]
        return Config(**{**sections, **{name: getattr(only, name) for name in StageConfig.model_fields}})

    def _idle_regions(self) -> Iterator[Problem]:
        """Find regions that no stage would look at."""
        if self.region != RegionConfig():
            yield ("region",), "only a later stage looks at a region, and there is only one; take it out"
        for name, stage in list(self.stages.items())[:1]:
            if stage.region != RegionConfig():
                yield (
                    ("stages", name, "region"),
                    "only a later stage looks at a region; the first looks everywhere; take it out",
                )

    def _keys_that_differ_from_the_run(self) -> Iterator[Problem]:
        for name, stage in self.stages.items():
            for section, keys in RUN_KEYS.items():
                for key in keys:
                    if getattr(getattr(stage, section), key) != getattr(getattr(self, section), key):
                        yield (
                            ("stages", name, section, key),
                            f"{key} is the run's; give it once, under {section}",
                        )


def _refuse(problems: list[Problem]) -> None:
    """Raise all problems at once, each at its key."""
    if problems:
        details = [
            InitErrorDetails(type=PydanticCustomError("stage_rule", sentence), loc=key, input=None)
            for key, sentence in problems
        ]
        raise ValidationError.from_exception_data("Config", details)
