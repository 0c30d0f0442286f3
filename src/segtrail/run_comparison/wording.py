"""A comparison in sentences. A difference is shown or is not shown; runs are never called the same for lack of one."""

from segtrail.dataset.names import shown_list
from segtrail.report.record_schema import Definition
from segtrail.report.wording import (
    MISSING,
    as_sentence,
    format_confidence,
    format_count,
    format_number,
    join_words,
    shorten_name,
)
from segtrail.run_comparison.common_cases import describe_common, describe_left_out
from segtrail.run_comparison.comparison import RunComparison
from segtrail.run_comparison.paired_statistics import PairedStatistics
from segtrail.run_comparison.paired_test import CORRECTION, FEWEST_PAIRS, LEVEL

_LONGEST_CLASS_NAME = 36
_ARROWS = {"higher": " ↑", "lower": " ↓", "zero": " ↓"}
_ONE_TRAINING_EACH = (
    "Each run is one training. Test and interval are about other cases like these, not about training again: another "
    "seed alone may change as much, and “segtrail seeds” shows how much."
)
_INDICATIVE = "Fewer than ten cases: intervals and tests are indicative only."


def signed(value: float | None, unit: str = "") -> str:
    """Write a difference with its sign; a dash for nothing."""
    text = format_number(value, unit)
    return (
        f"+{text}"
        if value is not None and value > 0 and any(digit in text for digit in "123456789")
        else text
    )


def format_p(p: float | None) -> str:
    """Write a p value."""
    if p is None:
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def metric_name(definition: Definition, *, arrow: bool = False) -> str:
    """Name a metric with its unit; of one that is best at 0 the distance from it is compared."""
    name = f"{definition.name}, without sign" if definition.better == "zero" else definition.name
    unit = f" ({definition.unit})" if definition.unit else ""
    return f"{name}{unit}{_ARROWS.get(definition.better or '', '') if arrow else ''}"


def class_words(comparison: RunComparison, class_name: str | None, article: str = "") -> str:
    """Name a class, or the mean over all of them."""
    mean = f"{article}mean over {len(comparison.values.classes)} classes"
    return mean if class_name is None else shorten_name(class_name, _LONGEST_CLASS_NAME)


def conclusions(comparison: RunComparison) -> list[str]:
    """Say for each other run what the main metric shows.

    Args:
        comparison: The comparison.

    Returns:
        A paragraph for each other run.
    """
    return [conclusion(comparison, run.name) for run in comparison.others]


def conclusion(comparison: RunComparison, run: str) -> str:
    """Say of one run what the main metric shows, and in how many of the other tests there is a difference."""
    return f"{run} against {comparison.base.name}: {' '.join(conclusion_sentences(comparison, run))}"


def conclusion_sentences(comparison: RunComparison, run: str) -> list[str]:
    """Say the same in a sentence on the size, one on the test, and one on the other tests."""
    one = comparison.main_statistics(run)
    definition = comparison.definitions[one.series.metric]
    what = f"{definition.name}, {class_words(comparison, one.series.class_name)}"
    if one.mean is None:
        return [f"{what}: no case has a value in both."]
    effect = (
        f"mean difference {signed(one.mean, definition.unit)}{_unit(definition)}{_interval(comparison, one)}"
    )
    size = f"{what}: {effect}; of {format_count(one.n, 'case')} {_counts(one)}."
    return [size, _test_words(comparison, one), *_other_tests(comparison, run)]


def _unit(definition: Definition) -> str:
    return f" {definition.unit}" if definition.unit else ""


def _interval(comparison: RunComparison, one: PairedStatistics) -> str:
    if one.interval is None:
        return ""
    unit = comparison.definitions[one.series.metric].unit
    low, high = (signed(end, unit) for end in one.interval)
    return f" ({format_confidence(comparison.confidence)} interval {low} to {high})"


def _counts(one: PairedStatistics) -> str:
    unchanged = one.n - one.n_better - one.n_worse
    counts = [f"{one.n_better} better", f"{one.n_worse} worse"]
    return join_words([*counts, f"{unchanged} with the same value"] if unchanged else counts)


def _test_words(comparison: RunComparison, one: PairedStatistics) -> str:
    if one.n_better + one.n_worse == 0:
        return "All differences are 0, so there is nothing to test."
    if one.verdict == "not tested":
        differing = format_count(one.test.n, "case differs", "cases differ")
        return (
            f"No difference is shown. No p value is given: {differing}, and with fewer than {FEWEST_PAIRS} the test "
            f"can't fall below {LEVEL:g}, whatever they hold."
        )
    p = f"p = {format_p(one.p_corrected)}".replace("= <", "<")
    by = (
        f"Wilcoxon signed-rank test, {one.test.method}, {p} after {CORRECTION}'s correction for "
        f"{format_count(comparison.n_tests, 'test')}"
    )
    if one.verdict == "shown":
        mean = "" if one.direction is None else f" In the mean {one.series.run} is {one.direction}."
        return f"A difference is shown ({by}).{mean}"
    return f"No difference is shown ({by}), which does not say that there is none.{_limits(comparison, one)}"


def _limits(comparison: RunComparison, one: PairedStatistics) -> str:
    """Say where an interval alone would tell another thing, and where the tests could not have shown anything."""
    words = ""
    if one.interval is not None and (one.interval[0] > 0 or one.interval[1] < 0):
        words = " The interval does not hold 0, but it is that of one metric by itself, without a correction."
    most = max(other.test.n for other in comparison.statistics)
    smallest = comparison.n_tests * 2.0 ** (1 - most)
    if smallest < LEVEL:
        return words
    return (
        f"{words} No test here could show one: with {format_count(most, 'case')} and "
        f"{format_count(comparison.n_tests, 'test')} no p value can fall below {format_p(smallest)}, whatever the "
        "cases hold."
    )


def _other_tests(comparison: RunComparison, run: str) -> list[str]:
    main = comparison.main_statistics(run)
    others = [one for one in comparison.of_run(run) if one is not main]
    shown = [one for one in others if one.verdict == "shown"]
    tested = [one for one in others if one.verdict != "not tested"]
    if not tested:
        return []
    if not shown:
        return [f"No difference is shown in {format_count(len(tested), 'other test')} of {run}."]
    names = [
        f"{comparison.definitions[one.series.metric].name} of {class_words(comparison, one.series.class_name, 'the ')} "
        f"({one.direction or 'mean unchanged'})"
        for one in shown
    ]
    verb = "shows" if len(shown) == 1 else "show"
    counted = f"{len(shown)} of {format_count(len(tested), 'other test')}"
    return [f"{counted} {verb} a difference: {shown_list(names)}."]


def case_sentences(comparison: RunComparison) -> list[str]:
    """Say which cases are compared, how they were matched, and which are not."""
    common = comparison.common
    sentences = [
        describe_common(common, comparison.runs),
        *common.matching,
        *describe_left_out(common.left_out),
    ]
    for run, names in comparison.values.left_out_classes.items():
        sentences.append(f"Classes of {run} that not all runs have are not compared: {shown_list(names)}.")
    for run, names in comparison.values.left_out_columns.items():
        sentences.append(f"Metrics of {run} that not all runs have are not compared: {shown_list(names)}.")
    return sentences


def cautions(comparison: RunComparison) -> list[str]:
    """Say what has to be kept in mind with the results.

    Args:
        comparison: The comparison.

    Returns:
        Sentences, the weightiest first.
    """
    found = [*_unfinished(comparison), *_failures(comparison), *_choosing(comparison), *_causes(comparison)]
    if any(comparison.main_statistics(run.name).is_indicative for run in comparison.others):
        found.append(_INDICATIVE)
    return [*found, *_definitions(comparison), _ONE_TRAINING_EACH]


def _unfinished(comparison: RunComparison) -> list[str]:
    return [
        f"{run.name} is not finished: its status is {run.record.status}."
        for run in comparison.runs
        if run.record.status != "finished"
    ]


def _failures(comparison: RunComparison) -> list[str]:
    mains = [comparison.main_statistics(run.name).series for run in comparison.others]
    failed = {comparison.base.name: mains[0].n_failed_base} | {one.run: one.n_failed for one in mains}
    if not any(failed.values()):
        return []
    counts = join_words([f"{n} in {run}" for run, n in failed.items()])
    what = "cases" if comparison.main_class is not None else "pairs of case and class"
    return [
        f"Failed {what} (missed, or predicted where nothing is): {counts}. They count with Dice 0 and the diagonal of "
        "the image as distance, which can rule a mean."
    ]


def _choosing(comparison: RunComparison) -> list[str]:
    """Say whose epoch was chosen by the cases that are compared."""
    if comparison.common.side != "val":
        return []
    chosen, unknown = [], []
    for run in comparison.runs:
        selection = None if run.metrics is None else run.metrics.selection
        if selection is None:
            unknown.append(run.name)
        elif not selection.is_last_by_rule:
            chosen.append(run.name)
    sentences = []
    if chosen:
        names = join_words(chosen)
        text = f"These validation cases chose the epoch of {names}, so what is measured on them is optimistic"
        others = len(chosen) + len(unknown) < len(comparison.runs)
        sentences.append(
            f"{text}, and favours {'it' if len(chosen) == 1 else 'them'} here." if others else f"{text}."
        )
    if unknown:
        sentences.append(f"How the epoch of {join_words(unknown)} was chosen is not on record.")
    return sentences


def _causes(comparison: RunComparison) -> list[str]:
    counts = {
        "configuration": "setting",
        "data": "fact of the data",
        "code": "fact of the code",
        "environment": "fact of the environment",
    }
    plural = {
        "data": "facts of the data",
        "code": "facts of the code",
        "environment": "facts of the environment",
    }
    found = [
        format_count(len(rows), counts[topic], plural.get(topic, ""))
        for topic, rows in comparison.differences.items()
        if rows
    ]
    if sum(len(rows or ()) for rows in comparison.differences.values()) < 2:
        return []
    return [f"The runs differ in {join_words(found)}: what is seen here can't be put down to one of them."]


def _definitions(comparison: RunComparison) -> list[str]:
    differing = [
        definition.name
        for column, definition in comparison.definitions.items()
        for known in [
            {
                run.metrics.definitions[column].definition
                for run in comparison.runs
                if run.metrics is not None and column in run.metrics.definitions
            }
        ]
        if len(known) > 1
    ]
    if not differing:
        return []
    return [
        f"The runs word these definitions otherwise, so the values may mean other things: {shown_list(differing)}."
    ]


def problem_sentences(comparison: RunComparison) -> list[str]:
    """Say what could not be read or compared."""
    problems = [as_sentence(f"{run.name}: {problem}") for run in comparison.runs for problem in run.problems]
    return [*problems, *comparison.notes]


def difference_value(text: str | None) -> str:
    """Write what a run says; a dash where it says nothing."""
    return MISSING if text is None else text


def shorten(text: str, longest: int) -> str:
    """Cut a long text."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
