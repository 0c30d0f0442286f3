"""The parts of a run folder's files that a report reads, typed; keys that it doesn't need are passed over."""

import math
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Side = Literal["train", "val", "test", "unused"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Device(_Record):
    """What the network was trained on."""

    type: str
    name: str
    precision: str
    threads: int | None = None
    deterministic: bool | None = None


class Model(_Record):
    """The network."""

    name: str
    parameters: int | None = None
    source_sha256: str | None = None


class StageModel(Model):
    """The network of one stage."""

    stage: str


class Difference(_Record):
    """A condition that was another one when a run was gone on with."""

    what: str
    before: str
    now: str


class Resumption(_Record):
    """A time when a run was gone on with, and from where."""

    resumed_utc: datetime
    stage: str | None = None
    epoch: int = 0
    steps: int = 0
    differences: list[Difference] = Field(default_factory=list)


class Energy(_Record):
    """What a run used, estimated."""

    kwh: float | None = None


class Repository(_Record):
    """The state of a git repository when a run was opened."""

    commit: str | None = None
    tags: list[str] = Field(default_factory=list)
    clean: bool
    changed_files: int = 0
    untracked: int = 0
    submodules: list[dict[str, str]] = Field(default_factory=list)
    patch: str | None = None


class Provenance(_Record):
    """provenance/provenance.json."""

    program_repository: Repository | None = None
    working_repository: Repository | None = None
    gaps: list[str] = Field(default_factory=list)


class Parent(_Record):
    """The run that another one extends."""

    run_id: str
    fingerprint: str | None = None


class RunRecord(_Record):
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
    seconds: dict[str, float] = Field(default_factory=dict)
    energy: Energy | None = None
    resumed: list[Resumption] = Field(default_factory=list)


class EpochRow(_Record):
    """A row of history.csv; None where a cell is empty. Runs of one stage did not always name it."""

    stage: str = "main"
    epoch: int
    train_loss: float | None = None
    train_loss_dice: float | None = None
    train_loss_cross_entropy: float | None = None
    val_dice: float | None = None
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


class Statistics(_Record):
    """One metric over cases."""

    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    min: float | None = None
    max: float | None = None
    interval: tuple[float, float] | None = None
    indicative: bool = False


class ClassSummary(_Record):
    """The metrics of one class on one side of the split."""

    n: int
    n_failed: int
    n_left_out: int = 0
    metrics: dict[str, Statistics]


class Definition(_Record):
    """What a metric means."""

    name: str
    definition: str
    unit: str = ""
    better: Literal["higher", "lower", "zero"] | None = None


class Selection(_Record):
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


class Bootstrap(_Record):
    """How intervals were computed."""

    samples: int
    confidence: float
    seed: int
    method: str


class MetricsSummary(_Record):
    """metrics_summary.json."""

    checkpoint: str = ""
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


class GuardEntry(_Record):
    """Something out of the ordinary in one case, and what was done about it."""

    reason: str
    evidence: str
    action: str


class RegionCase(_Record):
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


class Regions(_Record):
    """regions.json."""

    finder: str
    stage: str
    region_voxels: tuple[int, int, int]
    region_mm: tuple[float, float, float]
    shift_mm: float
    anywhere_fraction: float
    cases: list[RegionCase]


class InferenceCase(_Record):
    """How one image went through the networks."""

    case: str
    mode: str
    guard: list[GuardEntry] = Field(default_factory=list)


class Inference(_Record):
    """inference.json."""

    cases: list[InferenceCase]


class Use(_Record):
    """One time that test cases were measured."""

    run_id: str
    kind: Literal["run", "evaluation"]
    time_utc: datetime
    n_cases: int


class UsesOfTestSet(_Record):
    """test_uses.json."""

    n_cases: int
    n_runs_read: int
    uses: list[Use]
    unread: list[str] = Field(default_factory=list)


class VectorRange(_Record):
    """Least, median and greatest of a vector over cases, axis by axis."""

    min: list[float]
    median: list[float]
    max: list[float]


class ScalarRange(_Record):
    """Least, median and greatest of a number over cases."""

    min: float
    median: float
    max: float


class Aggregate(_Record):
    """One side of the split."""

    n_cases: int
    spacing_mm: VectorRange
    shape: VectorRange
    volume_ml: dict[str, ScalarRange] = Field(default_factory=dict)


class DatasetCase(_Record):
    """One case of the data set."""

    case: str
    side: Side
    group: str | None = None


class Split(_Record):
    """How the cases were divided."""

    method: str
    seed: int | None = None
    val_frac: float | None = None
    hash: str = ""


class Finding(_Record):
    """What a check found."""

    case: str | None = None
    evidence: str


class CheckOutcome(_Record):
    """One check of the data."""

    id: str
    title: str
    severity: Literal["error", "warning", "note"]
    allowed: bool = False
    status: Literal["passed", "failed"]
    findings: list[Finding] = Field(default_factory=list)
    remedy: str = ""


def _texts(value: object) -> object:
    """Labels and modality map numbers to names; either may have been written as another type."""
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else value


class LeftOutCase(_Record):
    """A case that can't be used, and that the configuration allowed to be left out."""

    case: str
    checks: list[str]


class DatasetSummary(_Record):
    """dataset_summary.json."""

    name: str
    description: str | None = ""
    licence: str | None = ""
    reference: str | None = ""
    release: str | None = ""
    modality: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(default_factory=dict)
    labels: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(default_factory=dict)
    dataset_json_sha256: str = ""
    fingerprint: str = ""
    cases: list[DatasetCase]
    left_out: list[LeftOutCase] = Field(default_factory=list)
    aggregates: dict[str, Aggregate] = Field(default_factory=dict)
    split: Split
    checks: list[CheckOutcome] = Field(default_factory=list)


class Example(_Record):
    """One picture of a case."""

    rank: Literal["best", "median", "worst"]
    case: str
    class_mean_dice: float | None = None
    file: str
    alt: str
    caption: str


class ExampleList(_Record):
    """examples/examples.json."""

    examples: list[Example]
