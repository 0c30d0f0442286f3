"""Results by group, where cases belong to patients or centres."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from segtrail.report.case_figures import Values, draw_distributions
from segtrail.report.case_groups import groups_of_cases
from segtrail.report.parts import Column, Figure, Heading, Part, Row, Table, Tone
from segtrail.report.record_schema import CaseRow
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import MISSING, SIDE_NAMES, format_count, format_number, shorten_name

_MOST_GROUPS = 20
_MOST_CLASSES = 3
_FEWEST_GROUPS, _FEWEST_CASES = 2, 2
_LONGEST_NAME = 28
_CLASS_MEAN = "class mean"
_WHAT_IT_IS = (
    "A group is what split.groups or dataset.json names, a patient or a centre. How to read it: a group far below the "
    "others is worth a look; few cases in a group show nothing for certain."
)


@dataclass(frozen=True)
class GroupResult:
    """The Dice of the cases of one group.

    Attributes:
        name: The group.
        dice: Dice by case.
        n_failed: How many of its cases failed.
    """

    name: str
    dice: Mapping[str, float]
    n_failed: int

    @property
    def mean(self) -> float:
        """Mean Dice over its cases."""
        return mean(self.dice.values())

    @property
    def sd(self) -> float | None:
        """Standard deviation with n - 1; None for a single case."""
        return stdev(self.dice.values()) if len(self.dice) > 1 else None

    @property
    def worst(self) -> str:
        """The case with the lowest Dice."""
        return min(self.dice, key=lambda case: (self.dice[case], case))


def groups_section(contents: RunContents) -> list[Part]:
    """Build the results by group, for each side of the split.

    Args:
        contents: The run.

    Returns:
        Tables and figures; nothing where fewer than two groups were measured, or none has two cases.
    """
    group_of = groups_of_cases(contents)
    parts: list[Part] = []
    for side in ("test", "val"):
        rows = [row for row in contents.cases or [] if row.split == side and row.status != "left_out"]
        parts += _side(rows, group_of, side)
    return [Heading("Results by group", level=2), *parts] if parts else []


def _side(rows: Sequence[CaseRow], group_of: Mapping[str, str], side: str) -> list[Part]:
    classes = list(dict.fromkeys(row.class_name for row in rows))
    chosen = {name: [row for row in rows if row.class_name == name] for name in classes}
    if len(classes) > _MOST_CLASSES:
        chosen = {_CLASS_MEAN: list(rows)}
    results = {name: group_results(of_class, group_of) for name, of_class in chosen.items()}
    results = {name: found for name, found in results.items() if _says_something(found)}
    n_without = len({row.case for row in rows if row.case not in group_of})
    parts: list[Part] = [_table(found, name, side, n_without) for name, found in results.items()]
    return [
        *parts,
        *(_figure(found, name, side, place) for place, (name, found) in enumerate(results.items())),
    ]


def group_results(rows: Sequence[CaseRow], group_of: Mapping[str, str]) -> list[GroupResult]:
    """Gather the Dice of each group, the lowest mean first.

    Args:
        rows: Rows of cases; the classes of one case are averaged.
        group_of: Group by case.

    Returns:
        The groups that have a measured case.
    """
    by_case: dict[str, list[float]] = {}
    for row in rows:
        dice = row.metric("dice")
        if dice is not None and row.case in group_of:
            by_case.setdefault(row.case, []).append(dice)
    groups: dict[str, dict[str, float]] = {}
    for case, values in by_case.items():
        groups.setdefault(group_of[case], {})[case] = mean(values)
    failed = {row.case for row in rows if row.status in ("missed", "false_positive")}
    found = [GroupResult(name, dice, len(failed & dice.keys())) for name, dice in groups.items()]
    return sorted(found, key=lambda group: (group.mean, group.name))


def _says_something(groups: Sequence[GroupResult]) -> bool:
    return len(groups) >= _FEWEST_GROUPS and any(len(group.dice) >= _FEWEST_CASES for group in groups)


def _table(groups: Sequence[GroupResult], class_name: str, side: str, n_without: int) -> Table:
    columns = [
        Column("Group", 2),
        *(Column(title, 0.9, "right") for title in ("Cases", "Mean Dice", "SD")),
        Column("Worst case", 2),
        *(Column(title, 0.9, "right") for title in ("Its Dice", "Failed")),
    ]
    rows = [_row(group) for group in groups[:_MOST_GROUPS]]
    cut = (
        f" The {_MOST_GROUPS} with the lowest mean of {len(groups):,}." if len(groups) > _MOST_GROUPS else ""
    )
    without = f" {format_count(n_without, 'case')} without a group not counted." if n_without else ""
    caption = (
        f"{SIDE_NAMES[side].capitalize()}, {class_name}: Dice by group, the lowest mean first.{cut}{without} "
        f"{_WHAT_IT_IS}"
    )
    return Table(columns, rows, caption, keep_together=True)


def _row(group: GroupResult) -> Row:
    tone: Tone = "bad" if group.n_failed else "neutral"
    sd = MISSING if group.sd is None else format_number(group.sd)
    worst = format_number(group.dice[group.worst])
    counted, failed = str(len(group.dice)), str(group.n_failed)
    return Row([group.name, counted, format_number(group.mean), sd, group.worst, worst, failed], tone)


def _figure(groups: Sequence[GroupResult], class_name: str, side: str, place: int) -> Figure:
    shown = groups[:_MOST_GROUPS]
    values = [Values(shorten_name(group.name, _LONGEST_NAME), list(group.dice.values())) for group in shown]
    alt = f"Dot plot of the Dice of {class_name} in {format_count(len(shown), 'group')}, a row for each."
    where = f"{SIDE_NAMES[side].capitalize()}, {class_name}"
    caption = f"{where}: every case as a dot, a row for each group, the median as a line."
    drawn = draw_distributions({"Dice": values})
    return Figure(f"groups_{side}_{place + 1}.svg", alt, caption, drawn)
