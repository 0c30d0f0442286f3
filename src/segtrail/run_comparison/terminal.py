"""A comparison on a terminal: what differs, the paired differences, and what they show."""

from segtrail.progress import Narrator
from segtrail.report.wording import MISSING, format_number
from segtrail.run_comparison.comparison import RunComparison
from segtrail.run_comparison.paired_statistics import PairedStatistics
from segtrail.run_comparison.paired_test import CORRECTION
from segtrail.run_comparison.wording import (
    case_sentences,
    cautions,
    class_words,
    conclusions,
    difference_value,
    format_p,
    metric_name,
    problem_sentences,
    shorten,
    signed,
)

_MOST_DIFFERENCES = 25
_MOST_ROWS = 30
_LONGEST_VALUE = 40


def print_comparison(comparison: RunComparison, narrator: Narrator) -> None:
    """Print a comparison.

    Args:
        comparison: The comparison.
        narrator: Who prints it.
    """
    for run in comparison.runs:
        note = f", {run.record.note}" if run.record.note else ""
        narrator.say(f"{run.name}: {run.run_id}{note}")
    for sentence in case_sentences(comparison):
        narrator.say(sentence)
    _print_differences(comparison, narrator)
    _print_statistics(comparison, narrator)
    for sentence in [*conclusions(comparison), *cautions(comparison), *problem_sentences(comparison)]:
        narrator.say(sentence)


def _print_differences(comparison: RunComparison, narrator: Narrator) -> None:
    for topic, rows in comparison.differences.items():
        if rows is None:
            narrator.say(f"{topic.capitalize()}: not compared.")
            continue
        if not rows:
            narrator.say(f"{topic.capitalize()}: no difference on record.")
            continue
        narrator.say(f"{topic.capitalize()}:")
        names = [run.name for run in comparison.runs]
        shown = [
            [row.what, *(shorten(difference_value(row.values[name]), _LONGEST_VALUE) for name in names)]
            for row in rows[:_MOST_DIFFERENCES]
        ]
        narrator.table(["", *names], shown)
        if len(rows) > _MOST_DIFFERENCES:
            narrator.say(f"and {len(rows) - _MOST_DIFFERENCES} more; --output DIR and --json have all.")


def _print_statistics(comparison: RunComparison, narrator: Narrator) -> None:
    base = comparison.base.name
    for run in comparison.others:
        narrator.say(
            f"{run.name} minus {base}: means, their difference with its interval, the cases that are better, and p "
            f"after {CORRECTION}'s correction."
        )
        found = comparison.of_run(run.name)
        titles = ["Class", "Metric", "n", base, run.name, "Difference", "Interval", "Better", "p", ""]
        narrator.table(titles, [_row(comparison, one) for one in found[:_MOST_ROWS]])
        if len(found) > _MOST_ROWS:
            narrator.say(f"and {len(found) - _MOST_ROWS} more; --output DIR and --json have all.")


def _row(comparison: RunComparison, one: PairedStatistics) -> list[str]:
    definition = comparison.definitions[one.series.metric]
    unit = definition.unit
    interval = MISSING if one.interval is None else " to ".join(signed(end, unit) for end in one.interval)
    return [
        class_words(comparison, one.series.class_name),
        metric_name(definition, arrow=True),
        str(one.n),
        format_number(one.base_mean, unit),
        format_number(one.other_mean, unit),
        signed(one.mean, unit),
        interval,
        f"{one.n_better} of {one.n}",
        format_p(one.p_corrected),
        one.verdict,
    ]
