"""The parts of a run folder's files that a report reads, typed; keys that it doesn't need are passed over."""

import math
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Side = Literal["train", "val", "test", "unused"]
# Probabilities of single precision may be above 1 by their rounding.
Fraction = Annotated[float, Field(ge=0, le=1 + 1e-6, allow_inf_nan=False)]


class RecordPart(BaseModel):
    """A part of a file; keys that it does not know are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Device(RecordPart):
    """What the network was trained on."""

    type: str
    name: str
    precision: str
    threads: int | None = None
    deterministic: bool | None = None


class Model(RecordPart):
    """The network."""

    name: str
    parameters: int | None = None
    source_sha256: str | None = None


class StageModel(Model):
    """The network of one stage."""

    stage: str


class Difference(RecordPart):
    """A condition that was another one when a run was gone on with."""

    what: str
    before: str
    now: str


class Resumption(RecordPart):
    """A time when a run was gone on with, and from where."""

    resumed_utc: datetime
    stage: str | None = None
    epoch: int = 0
    steps: int = 0
    differences: list[Difference] = Field(default_factory=list)


class Energy(RecordPart):
    """What a run used, estimated."""

    kwh: float | None = None


class Repository(RecordPart):
    """The state of a git repository when a run was opened."""

    commit: str | None = None
    tags: list[str] = Field(default_factory=list)
    clean: bool
    changed_files: int = 0
    untracked: int = 0
    submodules: list[dict[str, str]] = Field(default_factory=list)
    patch: str | None = None


class Machine(RecordPart):
    """The machine; environment variables are those that change what is computed."""

    environment_variables: dict[str, str] = Field(default_factory=dict)


class Provenance(RecordPart):
    """provenance/provenance.json."""

    machine: Machine | None = None
    program_repository: Repository | None = None
    working_repository: Repository | None = None
    gaps: list[str] = Field(default_factory=list)


class Parent(RecordPart):
    """The run that another one extends."""

    run_id: str
    fingerprint: str | None = None


class RecordedData(RecordPart):
    """The data set that a recorded command was to work with."""

    files: int
    bytes: int
    sha256: str
    opened: int | None = None
    changes: dict[str, str] = Field(default_factory=dict)


class RecordedOutputs(RecordPart):
    """What is kept of what a recorded command wrote."""

    files: int
    bytes: int


class Recorded(RecordPart):
    """The training of another program that a run is the record of."""

    command: list[str]
    program: str
    adapter: str | None = None
    exit_code: int | None = None
    data: RecordedData | None = None
    outputs: RecordedOutputs | None = None
    network: str | None = None
    data_set: str | None = None
    planned_epochs: int | None = None
    train_cases: int | None = None
    measured: list[dict[str, str]] = Field(default_factory=list)
    gaps: list[str] = Field(default_factory=list)
    not_found: list[str] = Field(default_factory=list)


class RunRecord(RecordPart):
    """run.json."""

    run_id: str
    status: Literal["running", "interrupted", "failed", "finished"]
    created_utc: datetime
    ended_utc: datetime | None = None
    ended_because: str | None = None
    segtrail_version: str
    start_command: str = ""
    project: str = ""
    operator: str | None = None
    note: str = ""
    parent: Parent | None = None
    device: Device | None = None
    environment: dict[str, Any] = Field(default_factory=dict)
    model: Model | None = None
    stages: list[StageModel] = Field(default_factory=list)
    own_code: dict[str, str | None] = Field(default_factory=dict)
    program_sha256: str | None = None
    inference: list[str] = Field(default_factory=list)
    seconds: dict[str, float] = Field(default_factory=dict)
    energy: Energy | None = None
    resumed: list[Resumption] = Field(default_factory=list)
    recorded: Recorded | None = None


class EpochRow(RecordPart):
    """A row of history.csv; None where a cell is empty. Runs of one stage did not always name it."""

    stage: str = "main"
    epoch: int
    train_loss: float | None = None
    train_loss_dice: float | None = None
    train_loss_cross_entropy: float | None = None
    val_loss: float | None = None
    val_dice: float | None = None
    val_dice_patches: float | None = None
    learning_rate: float | None = None
    seconds: float | None = None
    patches_per_second: float | None = None
    peak_memory_mb: float | None = None


class CaseRow(BaseModel):
    """A row of metrics_cases.csv; the metrics are the extra columns, None where a cell is empty."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, float]

    case: str
    split: Literal["val", "test"]
    class_name: str = Field(alias="class")
    status: Literal["ok", "missed", "false_positive", "left_out"]

    def metric(self, column: str) -> float | None:
        """The value of a metric column; None where it is undefined."""
        return self.__pydantic_extra__.get(column)

    def columns(self) -> list[str]:
        """Names of the metric columns that hold a value here."""
        return [column for column in self.__pydantic_extra__ if column != "schema_version"]


class Statistics(RecordPart):
    """One metric over cases."""

    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    min: float | None = None
    max: float | None = None
    interval: tuple[float, float] | None = None
    indicative: bool = False


class ClassSummary(RecordPart):
    """The metrics of one class on one side of the split."""

    n: int
    n_failed: int
    n_left_out: int = 0
    metrics: dict[str, Statistics]


class Definition(RecordPart):
    """What a metric means."""

    name: str
    definition: str
    unit: str = ""
    better: Literal["higher", "lower", "zero"] | None = None


class Selection(RecordPart):
    """How the epoch was chosen: by the validation score, or the last one whatever its score."""

    best_epoch: int
    rule: str
    best_epoch_val_dice: float | None = None
    last_epoch: int
    last_epoch_val_dice: float | None = None
    caution: str = ""

    @property
    def is_last_by_rule(self) -> bool:
        """Whether the last epoch was taken before any score was known."""
        return self.rule.startswith("the last epoch")


class Bootstrap(RecordPart):
    """How intervals were computed."""

    samples: int
    confidence: float
    seed: int
    method: str


class MetricsSummary(RecordPart):
    """metrics_summary.json."""

    checkpoint: str | None = ""
    selection: Selection | None = None
    bootstrap: Bootstrap | None = None
    definitions: dict[str, Definition]
    splits: dict[Literal["val", "test"], dict[str, ClassSummary]]

    def mean_over_classes(self, side: Literal["val", "test"], column: str) -> float | None:
        """The mean, over the classes for which it is defined, of the mean of a metric over cases."""
        found = [summary.metrics.get(column) for summary in self.splits.get(side, {}).values()]
        means = [statistics.mean for statistics in found if statistics and statistics.mean is not None]
        mean = sum(means) / len(means) if means else math.nan
        return mean if math.isfinite(mean) else None


class GuardEntry(RecordPart):
    """Something out of the ordinary in one case, and what was done about it."""

    reason: str
    evidence: str
    action: str


class RegionCase(RecordPart):
    """Where the second stage looks in one case; None where there is nothing to measure."""

    case: str
    side: Literal["train", "val"]
    network: str
    windows: list[tuple[int, int, int]]
    guard: list[GuardEntry] = Field(default_factory=list)
    centre_offset_mm: tuple[float, float, float] | None = None
    covered_percent: float | None = None
    least_room_mm: float | None = None

    @property
    def distance_mm(self) -> float | None:
        """Distance of the centre of what was found from that of the organ."""
        return None if self.centre_offset_mm is None else math.hypot(*self.centre_offset_mm)

    @property
    def is_cut(self) -> bool:
        """Whether a part of the organ lies outside."""
        return self.covered_percent is not None and self.covered_percent < 100.0


class Regions(RecordPart):
    """regions.json."""

    finder: str
    stage: str
    region_voxels: tuple[int, int, int]
    region_mm: tuple[float, float, float]
    shift_mm: float
    anywhere_fraction: float
    cases: list[RegionCase]


class InferenceCase(RecordPart):
    """How one image went through the networks."""

    case: str
    mode: str
    guard: list[GuardEntry] = Field(default_factory=list)


class Inference(RecordPart):
    """inference.json."""

    cases: list[InferenceCase]


class CalibrationBin(RecordPart):
    """Voxels that the network gives about one probability; the means are None where it holds none."""

    voxels: int = Field(ge=0)
    mean_probability: Fraction | None
    share_of_class: Fraction | None


class PooledCalibration(RecordPart):
    """How well the probabilities of one class fit, over the cases of one side."""

    split: Side
    class_name: str = Field(alias="class")
    cases: int
    error: Fraction
    bias: float = Field(ge=-1 - 1e-6, le=1 + 1e-6, allow_inf_nan=False)
    bins: list[CalibrationBin] = Field(min_length=1)

    @model_validator(mode="after")
    def _require_voxels(self) -> Self:
        if not any(one.voxels for one in self.bins):
            raise ValueError("the bins hold no voxel")
        return self


class CaseCalibration(RecordPart):
    """How well the probabilities of one class fit in one case."""

    case: str
    split: Side
    class_name: str = Field(alias="class")
    error: Fraction


class Calibration(RecordPart):
    """calibration.json."""

    margin_mm: float = Field(gt=0, allow_inf_nan=False)
    cases: list[CaseCalibration]
    pooled: list[PooledCalibration]


class Use(RecordPart):
    """One time that test cases were measured."""

    run_id: str
    kind: Literal["run", "evaluation"]
    time_utc: datetime
    n_cases: int


class UsesOfTestSet(RecordPart):
    """test_uses.json."""

    n_cases: int
    n_runs_read: int
    uses: list[Use]
    unread: list[str] = Field(default_factory=list)


class Included(RecordPart):
    """What a shared copy holds besides what all do."""

    weights: bool
    description: bool = False


class Share(RecordPart):
    """share.json of a shared copy."""

    included: Included


class ExampleSurface(RecordPart):
    """A picture of a case's surfaces."""

    file: str
    alt: str
    caption: str


class Example(RecordPart):
    """The pictures of one case; those of older versions have no surfaces, and none is flagged."""

    rank: Literal["best", "median", "worst", "flagged"]
    case: str
    class_mean_dice: float | None = None
    file: str
    alt: str
    caption: str
    reasons: list[str] = Field(default_factory=list)
    surface: ExampleSurface | None = None


class ExampleList(RecordPart):
    """examples/examples.json."""

    examples: list[Example]
    flagged_not_drawn: int = 0
