"""The result in a sentence, with its interval, its failures and the caution it needs."""

from collections.abc import Mapping, Sequence

from segtrail.report.record_schema import ClassSummary, EpochRow, MetricsSummary
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import SIDE_NAMES, as_sentence, format_count, format_number, join_words

_CLASSES_IN_SENTENCE = 3


def result_paragraphs(contents: RunContents) -> list[str]:
    """Say how well the network did, first on test cases where there are any, then on validation cases.

    Args:
        contents: The run.

    Returns:
        One paragraph for each side of the split, and one with the caution about the chosen epoch.
    """
    metrics = contents.metrics
    if metrics is None:
        return [
            "There is no result: the run folder holds no metrics_summary.json, so nothing was evaluated.",
            *_highest_so_far(contents.history),
        ]
    paragraphs = []
    subject = _subject(contents)
    for side in ("test", "val"):
        classes = metrics.splits.get(side)
        if classes:
            paragraphs.append(f"{subject} reaches {_scores(side, classes, metrics)}. {_failures(classes)}")
            subject = "It"
    if not paragraphs:
        return ["There is no result: no case was evaluated."]
    if metrics.selection and metrics.selection.caution:
        paragraphs.append(as_sentence(metrics.selection.caution))
    return paragraphs


def _highest_so_far(history: Sequence[EpochRow]) -> list[str]:
    validated = [(row.val_dice, row.epoch) for row in history if row.val_dice is not None]
    if not validated:
        return []
    dice, epoch = max(validated, key=lambda pair: (pair[0], -pair[1]))
    score = f"The highest validation Dice during training was {format_number(dice)}, in epoch {epoch}"
    return [f"{score}. It served to choose among epochs and is no result."]


def _subject(contents: RunContents) -> str:
    network = f"the network “{contents.run.model.name}”" if contents.run.model else "the network"
    if contents.dataset is None:
        return network[:1].upper() + network[1:]
    n_train = [case.side for case in contents.dataset.cases].count("train")
    return f"Trained on {format_count(n_train, 'case')} of {contents.dataset.name}, {network}"


def _scores(side: str, classes: Mapping[str, ClassSummary], metrics: MetricsSummary) -> str:
    n_cases = max(summary.n + summary.n_left_out for summary in classes.values())
    where = f"on {format_count(n_cases, f'{SIDE_NAMES[side]} case')}"
    if len(classes) <= _CLASSES_IN_SENTENCE:
        confidence = metrics.bootstrap.confidence if metrics.bootstrap else None
        return f"{where} {join_words([_mean_dice(name, item, confidence) for name, item in classes.items()])}"
    dices = {
        name: summary.metrics["dice"].mean for name, summary in classes.items() if "dice" in summary.metrics
    }
    ordered = sorted((mean, name) for name, mean in dices.items() if mean is not None)
    if not ordered:
        return f"{where} no defined Dice"
    (low, low_name), (high, high_name) = ordered[0], ordered[-1]
    return (
        f"{where} mean Dice values from {format_number(low)} ({low_name}) to {format_number(high)} "
        f"({high_name}) over {len(ordered)} classes, each with its interval in the metrics below"
    )


def _mean_dice(name: str, summary: ClassSummary, confidence: float | None) -> str:
    dice = summary.metrics.get("dice")
    if dice is None or dice.mean is None:
        return f"no defined Dice for {name} (n = {summary.n})"
    value = f"a mean Dice of {format_number(dice.mean)} for {name}"
    if dice.interval is None:
        return f"{value} (n = {summary.n}, too few for an interval)"
    share = f"{confidence:.0%} " if confidence else ""
    low, high = (format_number(bound) for bound in dice.interval)
    hint = "; indicative only, from fewer than ten cases" if dice.indicative else ""
    return f"{value} (n = {summary.n}, {share}interval {low} to {high}{hint})"


def _failures(classes: Mapping[str, ClassSummary]) -> str:
    failed = sum(summary.n_failed for summary in classes.values())
    counted = sum(summary.n for summary in classes.values())
    if len(classes) == 1:
        return "No case failed." if failed == 0 else f"{failed} of {format_count(counted, 'case')} failed."
    if failed == 0:
        return "No class failed in any case."
    return f"{failed} of {counted:,} pairs of case and class failed."
