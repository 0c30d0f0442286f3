"""The result in a sentence, with its interval, its failures and the caution it needs."""

from collections.abc import Mapping

from segtrail.report.record_schema import ClassSummary, MetricsSummary
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import (
    SIDE_NAMES,
    as_sentence,
    format_confidence,
    format_count,
    format_number,
    join_words,
)

_CLASSES_IN_SENTENCE = 3
_LAST_EPOCH = "The last epoch was taken, whatever its score: in this run the validation cases chose nothing."


def result_paragraphs(contents: RunContents) -> list[str]:
    """Say how well the network did, first on test cases where there are any, then on validation cases.

    Args:
        contents: The run.

    Returns:
        One paragraph for each side of the split, and one on how the epoch was chosen, with the caution it needs.
    """
    metrics = contents.metrics
    if metrics is None:
        return [
            "There is no result: the run folder holds no metrics_summary.json, so nothing was evaluated.",
            *_highest_so_far(contents),
        ]
    paragraphs = []
    subject, verb, pronoun = _subject(contents)
    for side in ("test", "val"):
        classes = metrics.splits.get(side)
        if classes:
            paragraphs.append(f"{subject} {verb} {_scores(side, classes, metrics)}. {_failures(classes)}")
            subject = pronoun
    if not paragraphs:
        return ["There is no result: no case was evaluated."]
    if metrics.selection and metrics.selection.is_last_by_rule:
        paragraphs.append(_LAST_EPOCH)
    elif metrics.selection and metrics.selection.caution:
        paragraphs.append(as_sentence(metrics.selection.caution))
    return paragraphs


def _highest_so_far(contents: RunContents) -> list[str]:
    """Give the highest score of the last stage that has any, and say that it is no result."""
    stages = contents.stages
    for stage in reversed(stages):
        validated = [(row.val_dice, row.epoch) for row in stage.history if row.val_dice is not None]
        if not validated:
            continue
        dice, epoch = max(validated, key=lambda pair: (pair[0], -pair[1]))
        of_stage = f" of {stage.name}" if len(stages) > 1 else ""
        chose = stage is stages[-1] and not stage.keeps_last
        served = "served" if contents.run.status == "finished" else "would have served"
        purpose = f"It {served} to choose among epochs" if chose else "It is a score on the way"
        return [
            f"The highest validation Dice during training was {format_number(dice)}, in epoch {epoch}{of_stage}. "
            f"{purpose} and is no result."
        ]
    return []


def _subject(contents: RunContents) -> tuple[str, str, str]:
    """Who reaches the result: subject, verb, and the pronoun for a second sentence."""
    network, verb, pronoun = _networks(contents)
    if contents.dataset is None:
        return network[:1].upper() + network[1:], verb, pronoun
    n_train = [case.side for case in contents.dataset.cases].count("train")
    return f"Trained on {format_count(n_train, 'case')} of {contents.dataset.name}, {network}", verb, pronoun


def _networks(contents: RunContents) -> tuple[str, str, str]:
    stages = contents.stages
    if len(stages) == 1:
        model = stages[0].model
        return (f"the network “{model.name}”" if model else "the network"), "reaches", "It"
    named = [f"“{stage.name}”" + (f" ({stage.model.name})" if stage.model else "") for stage in stages]
    return f"the networks {join_words(named)}, one after the other,", "reach", "They"


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
    share = f"{format_confidence(confidence)} " if confidence else ""
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
