"""Every case in every run: charts of the main metric, and tables, the worst first."""

from segtrail.report.parts import Column, Figure, Heading, Paragraph, Part, Row, Table
from segtrail.report.wording import MISSING, format_count, format_number, shorten_name
from segtrail.run_comparison.comparison import RunComparison
from segtrail.run_comparison.figures import draw_differences, draw_values
from segtrail.run_comparison.paired_statistics import goodness
from segtrail.run_comparison.paired_values import Pair, PairedSeries
from segtrail.run_comparison.wording import class_words, metric_name, signed

_CASE_VALUES_FILE = "comparison_cases.csv"
_WORST_CASES, _BEST_CASES = 30, 10
_MOST_METRICS = 3
_LONGEST_CASE_NAME = 28


def cases_section(comparison: RunComparison) -> list[Part]:
    """Build the pictures of all cases in the main metric, and tables of them.

    Args:
        comparison: The comparison.

    Returns:
        Two figures and a table for each other run, or a sentence where no case has values.
    """
    series = [comparison.main_statistics(run.name).series for run in comparison.others]
    heading = Heading("Case by case")
    if not any(one.pairs for one in series):
        return [heading, Paragraph("No case has a value in both runs.", "missing")]
    definition = comparison.definitions[comparison.main_metric]
    what = f"{definition.name}, {class_words(comparison, comparison.main_class)}"
    known = [one for one in series if one.pairs]
    base = comparison.base.name
    return [
        heading,
        Figure(
            "values.svg",
            f"Line chart of {what}: a line for each of {format_count(len(known[0].pairs), 'case')}, over the runs.",
            f"{what}. Each line is a case. How to read it: where all lines rise, or all fall, a difference holds "
            "over the cases; where they cross, it does not.",
            draw_values(base, known, metric_name(definition)),
        ),
        Figure(
            "differences.svg",
            f"Differences of {what}: {'; '.join(_counts(comparison, one) for one in known)}.",
            f"{what}: difference of each case, the worst first. Marks that point up are better, those that point "
            f"down worse, whatever the sign. All values stand in {_CASE_VALUES_FILE}.",
            draw_differences(base, known, definition.better),
        ),
        *[_case_table(comparison, one) for one in known],
    ]


def _counts(comparison: RunComparison, one: PairedSeries) -> str:
    found = comparison.main_statistics(one.run)
    return f"{one.run} better in {found.n_better} and worse in {found.n_worse} of {format_count(found.n, 'case')}"


def _case_table(comparison: RunComparison, main: PairedSeries) -> Table:
    """Build the table of all cases of one run, the worst first; of many the middle is cut."""
    metrics = list(comparison.definitions)[:_MOST_METRICS]
    pairs = {
        one.series.metric: {pair.case: pair for pair in one.series.pairs}
        for one in comparison.of_run(main.run)
        if one.series.class_name == comparison.main_class
    }
    better = comparison.definitions[comparison.main_metric].better
    ordered = sorted(main.pairs, key=lambda pair: (goodness(pair.difference, better), pair.case))
    columns = [Column("Case", 2.0)]
    for metric in metrics:
        name = metric_name(comparison.definitions[metric], arrow=True)
        columns += [Column(name, 1.5, "right"), Column("Difference", 1.1, "right")]
    units = {metric: comparison.definitions[metric].unit for metric in metrics}
    rows = [
        [cell for metric, unit in units.items() for cell in _cells(pairs[metric].get(entry.case), unit)]
        for entry in ordered
    ]
    named = [
        Row([shorten_name(entry.case, _LONGEST_CASE_NAME), *cells])
        for entry, cells in zip(ordered, rows, strict=True)
    ]
    base = comparison.base.name
    caption = (
        f"{main.run} against {base}, {class_words(comparison, comparison.main_class)}, the worst first: value of "
        f"{base} → value of {main.run}. ↑ higher is better, ↓ lower is better."
    )
    return Table(columns, _cut(named, len(columns)), caption)


def _cells(pair: Pair | None, unit: str) -> list[str]:
    if pair is None:
        return [MISSING, MISSING]
    values = f"{format_number(pair.base, unit)} → {format_number(pair.other, unit)}"
    return [values, signed(pair.difference, unit)]


def _cut(rows: list[Row], n_columns: int) -> list[Row]:
    more = len(rows) - _WORST_CASES - _BEST_CASES
    if more <= 1:
        return rows
    between = Row([f"… {more:,} more, in {_CASE_VALUES_FILE}", *[""] * (n_columns - 1)])
    return [*rows[:_WORST_CASES], between, *rows[-_BEST_CASES:]]
