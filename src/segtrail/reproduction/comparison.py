"""Two runs compared: conditions, every epoch, every metric, every label map, the weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Literal

from segtrail.evaluation.statistics import summarise
from segtrail.record.hashing import hash_file
from segtrail.record.manifest import read_manifest
from segtrail.record.table import read_rows

# What is measured while a run works, and differs each time.
_MEASURED = frozenset({"seconds", "patches_per_second", "peak_memory_mb"})
# A seed of the bootstrap of paired differences.
_SEED = 0
Verdict = Literal["bitwise", "statistical", "different"]
Row = Mapping[str, str]


@dataclass(frozen=True)
class FirstDifference:
    """Where two tables differ first.

    Attributes:
        where: The row, in words.
        column: The column.
        before: What the first run has there.
        now: What the second one has.
        difference: How much the second one is larger; None where they are no numbers.
    """

    where: str
    column: str
    before: str
    now: str
    difference: float | None

    def sentence(self) -> str:
        """Return it in words, without an end."""
        by = "" if self.difference is None else f", by {self.difference:+.3g}"
        return f"{self.where}: {self.column} was {self.before or 'empty'}, is {self.now or 'empty'}{by}"


@dataclass(frozen=True)
class TableComparison:
    """Two tables, row by row.

    Attributes:
        n_before: Rows of the first one.
        n_now: Rows of the second one.
        n_same: Rows that are the same in both.
        first: Where they differ first; None where they don't, or where only rows are missing at the end.
    """

    n_before: int
    n_now: int
    n_same: int
    first: FirstDifference | None

    @property
    def is_same(self) -> bool:
        """Whether all rows are there and the same."""
        return self.n_before == self.n_now == self.n_same


@dataclass(frozen=True)
class DiceDifference:
    """The second run's Dice minus the first one's, over the cases that both measured.

    Attributes:
        n_cases: How many they are.
        mean: The mean difference.
        interval: 95 % bootstrap interval of it over the cases; None below two.
        largest: The largest difference of a case, whatever its sign.
        case: The case that has it.
    """

    n_cases: int
    mean: float
    interval: tuple[float, float] | None
    largest: float
    case: str


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common.

    Attributes:
        history: The epochs.
        metrics: The table of cases.
        n_label_maps: Label maps of the first run.
        n_same_label_maps: How many of them the second one has with the same bytes.
        has_same_weights: Whether all tensors of ``best.pt`` are the same bits.
        dice: The differences of Dice; None where no case has it in both.
    """

    history: TableComparison
    metrics: TableComparison
    n_label_maps: int
    n_same_label_maps: int
    has_same_weights: bool
    dice: DiceDifference | None

    @property
    def is_bitwise(self) -> bool:
        """Whether everything is the same to the last bit."""
        maps = self.n_label_maps == self.n_same_label_maps
        return self.history.is_same and self.metrics.is_same and maps and self.has_same_weights

    @property
    def verdict(self) -> Verdict:
        """The same bits; or other bits, and Dice that shows no difference over the cases, or one."""
        if self.is_bitwise:
            return "bitwise"
        if self.dice is None or self.dice.interval is None:
            return "different"
        low, high = self.dice.interval
        return "statistical" if low <= 0.0 <= high else "different"

    def as_mapping(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "verdict": self.verdict}


def compare_runs(before: Path, now: Path) -> Comparison:
    """Compare two finished, sealed runs.

    Args:
        before: The folder of the first run.
        now: The folder of the second one.

    Returns:
        What they have in common.

    Raises:
        InputError: A manifest can't be read.
    """
    cases = read_rows(before / "metrics_cases.csv"), read_rows(now / "metrics_cases.csv")
    history = _compare_tables(
        read_rows(before / "history.csv"),
        read_rows(now / "history.csv"),
        lambda row: f"{row.get('stage', 'main')}, epoch {row['epoch']}",
    )
    metrics = _compare_tables(*cases, lambda row: f"{row['case']}, {row['class']}")
    maps = [_hash_label_maps(run) for run in (before, now)]
    same = sum(maps[1].get(name) == sha256 for name, sha256 in maps[0].items())
    has_same_weights = _tensors(before) == _tensors(now)
    return Comparison(history, metrics, len(maps[0]), same, has_same_weights, _compare_dice(*cases))


def _compare_tables(
    before: Sequence[Row], now: Sequence[Row], name_row: Callable[[Row], str]
) -> TableComparison:
    pairs = list(zip(before, now, strict=False))
    differences = [list(_differences(one, other, name_row)) for one, other in pairs]
    first = next((found[0] for found in differences if found), None)
    return TableComparison(len(before), len(now), sum(not found for found in differences), first)


def _differences(before: Row, now: Row, name_row: Callable[[Row], str]) -> Iterator[FirstDifference]:
    for column, value in before.items():
        other = now.get(column, "")
        if column not in _MEASURED and value != other:
            yield FirstDifference(name_row(before), column, value, other, _difference(value, other))


def _difference(before: str, now: str) -> float | None:
    try:
        return float(now) - float(before)
    except ValueError:
        return None


def _compare_dice(before: Sequence[Row], now: Sequence[Row]) -> DiceDifference | None:
    first, second = _dice_by_case(before), _dice_by_case(now)
    differences = {case: second[case] - first[case] for case in first if case in second}
    if not differences:
        return None
    case = max(differences, key=lambda name: abs(differences[name]))
    summary = summarise(list(differences.values()), seed=_SEED)
    return DiceDifference(
        len(differences), mean(differences.values()), summary.interval, differences[case], case
    )


def _dice_by_case(rows: Sequence[Row]) -> dict[str, float]:
    """Return the mean over the classes that count, for each case."""
    values: dict[str, list[float]] = {}
    for row in rows:
        if row["dice"]:
            values.setdefault(row["case"], []).append(float(row["dice"]))
    return {case: mean(dice) for case, dice in values.items()}


def _hash_label_maps(run: Path) -> dict[str, str]:
    return {path.name: hash_file(path) for path in sorted((run / "predictions").glob("*.nii.gz"))}


def _tensors(run: Path) -> str | None:
    return next(file.tensors_sha256 for file in read_manifest(run) if file.path == "checkpoints/best.pt")
