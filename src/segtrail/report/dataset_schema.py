"""The parts of ``dataset_summary.json`` that a report reads, typed."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from segtrail.report.record_schema import RecordPart, Side


class VectorRange(RecordPart):
    """Least, median and greatest of a vector over cases, axis by axis."""

    min: list[float]
    median: list[float]
    max: list[float]


class ScalarRange(RecordPart):
    """Least, median and greatest of a number over cases."""

    min: float
    median: float
    max: float


class Aggregate(RecordPart):
    """One side of the split."""

    n_cases: int
    spacing_mm: VectorRange
    shape: VectorRange
    volume_ml: dict[str, ScalarRange] = Field(default_factory=dict)


class ImageFacts(RecordPart):
    """What is known of an image; intensities of each channel by percentile."""

    spacing_mm: tuple[float, float, float]
    intensity_percentiles: list[dict[str, float]] = Field(default_factory=list)


class LabelFacts(RecordPart):
    """What is known of a label map."""

    volumes_ml: dict[str, float] = Field(default_factory=dict)


class DatasetCase(RecordPart):
    """One case of the data set."""

    case: str
    side: Side
    group: str | None = None


class DescribedCase(DatasetCase):
    """A case with the facts of its files, which a shared copy does not have."""

    image: ImageFacts | None = None
    label: LabelFacts | None = None

    def percentiles(self, channel: int) -> dict[str, float]:
        """Return the intensities of a channel by percentile; none where they are not on record."""
        known = self.image.intensity_percentiles if self.image else []
        return known[channel] if channel < len(known) else {}


class Split(RecordPart):
    """How the cases were divided."""

    method: str
    seed: int | None = None
    val_frac: float | None = None
    hash: str = ""


class DatasetOutline(RecordPart):
    """What dataset_summary.json says of the data set in short: its name, its hash, and which case is on which side."""

    schema_version: int
    name: str
    fingerprint: str = ""
    cases: list[DatasetCase]
    split: Split


class Finding(RecordPart):
    """What a check found."""

    case: str | None = None
    evidence: str


class CheckOutcome(RecordPart):
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


class LeftOutCase(RecordPart):
    """A case that can't be used, and that the configuration allowed to be left out."""

    case: str
    checks: list[str]


class DatasetSummary(RecordPart):
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
    cases: list[DescribedCase]
    left_out: list[LeftOutCase] = Field(default_factory=list)
    aggregates: dict[str, Aggregate] = Field(default_factory=dict)
    split: Split
    checks: list[CheckOutcome] = Field(default_factory=list)


class MeasuredFile(RecordPart):
    """An image or label map of the data set, with its hashes."""

    file: str | list[str]
    sha256_file: str
    sha256_voxels: str

    @property
    def files(self) -> list[str]:
        """Its file, or those of its channels, relative to the data set."""
        return [self.file] if isinstance(self.file, str) else self.file


class MeasuredCase(DatasetCase):
    """A case of the data set, with its files."""

    image: MeasuredFile
    label: MeasuredFile


class MeasuredDataset(DatasetSummary):
    """``dataset_summary.json``, with the hashes of all files."""

    cases: list[MeasuredCase]  # type: ignore[assignment]
