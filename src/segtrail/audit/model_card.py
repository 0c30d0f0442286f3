"""The model card against the record, and how much of what only a person can write is still open."""

from pathlib import Path

from segtrail.audit.outcome import Outcome
from segtrail.model_card.completion import cards_of, faults_of_card, is_made_by_this_program, read_card
from segtrail.model_card.questions import QUESTIONS, open_questions

TITLE = "The model card follows from the record"


def check_model_card(run_dir: Path) -> Outcome:
    """Make the model card of a run again, and count the answers that are missing.

    Args:
        run_dir: The run folder.

    Returns:
        A fault for each figure or text that the record does not give; the count of answers as evidence.
    """
    cards = cards_of(run_dir)
    if not cards:
        because = "the run has no model card; `segtrail card` makes one"
        return Outcome.not_checked("model_card", TITLE, because)
    faults = [fault for path in cards for fault in faults_of_card(run_dir, path)]
    latest = read_card(cards[-1])
    how = "made again with the same bytes"
    if not faults and not is_made_by_this_program(latest):
        how = "its figures are those of the metrics; another segtrail made it, so its words were not compared"
    return Outcome.of_faults("model_card", TITLE, faults, f"{how}; {_describe_open(latest)}")


def _describe_open(card: str) -> str:
    missing = open_questions(card)
    if not missing:
        return "a person gave all answers"
    return f"{len(missing)} of {len(QUESTIONS)} answers of a person are missing: {', '.join(missing)}"
