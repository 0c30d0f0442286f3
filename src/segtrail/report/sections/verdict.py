"""The verdict of the first page: what passed, what needs a look, and what nobody has done yet."""

from collections.abc import Iterator

from segtrail.report.parts import Notice, Part, Tone
from segtrail.report.run_contents import RunContents
from segtrail.report.wording import SIDE_NAMES, format_count, join_words

_MOST_NAMED = 4
_MEASURED = ("val", "test")


def verdict(contents: RunContents) -> list[Part]:
    """Build the box with the verdict.

    Args:
        contents: The run.

    Returns:
        The box: good where nothing needs a look, else a warning, or bad where the run did not end well.
    """
    passed, seen = list(_passed(contents)), list(_to_be_seen(contents))
    groups = {"Passed": passed, "To be looked at": seen, "Not done": list(_not_done(contents))}
    paragraphs = [f"{title}: {'; '.join(items)}." for title, items in groups.items() if items]
    return [Notice("Verdict on the record", paragraphs, _tone(contents, seen))]


def _tone(contents: RunContents, seen: list[str]) -> Tone:
    if contents.run.status == "failed":
        return "bad"
    return "warning" if seen or contents.run.status != "finished" else "good"


def _passed(contents: RunContents) -> Iterator[str]:
    run = contents.run
    checks = contents.dataset.checks if contents.dataset else []
    n_passed = sum(check.status == "passed" for check in checks)
    if n_passed:
        yield f"{n_passed} of {format_count(len(checks), 'check')} of the data"
    if run.status == "finished" and run.recorded is None:
        yield "training, to its planned end"
    if run.recorded is not None and run.recorded.exit_code == 0:
        yield "the command, which ended with exit code 0"
    if contents.cases and not _failed_cases(contents):
        yield f"no class missed or invented in {_measured(contents)}, which is no judgement of the contours"
    if run.resumed and not any(entry.differences for entry in run.resumed):
        yield "going on after an interruption, under the same conditions"


def _to_be_seen(contents: RunContents) -> Iterator[str]:
    run = contents.run
    if run.status != "finished":
        yield f"the run is {run.status}"
    checks = (
        [check for check in contents.dataset.checks if check.status != "passed"] if contents.dataset else []
    )
    if checks:
        named = [check.title for check in checks[:_MOST_NAMED]]
        more = [f"{len(checks) - _MOST_NAMED} more"] if len(checks) > _MOST_NAMED else []
        yield f"{format_count(len(checks), 'check')} of the data that found something ({join_words(named + more)})"
    failed = _failed_cases(contents)
    if failed:
        yield f"{format_count(len(failed), 'case')} that failed ({', '.join(failed[:_MOST_NAMED])})"
    if any(entry.differences for entry in run.resumed):
        yield "it was gone on with under other conditions than those it began with"
    if run.recorded is not None and run.recorded.data is not None and run.recorded.data.changes:
        yield f"{format_count(len(run.recorded.data.changes), 'file')} of the data changed while the command ran"
    n_gaps = len(contents.provenance.gaps) if contents.provenance else 0
    n_gaps += len([*run.recorded.gaps, *run.recorded.not_found]) if run.recorded else 0
    if n_gaps:
        yield f"{format_count(n_gaps, 'thing')} not on record, named further below"


def _not_done(contents: RunContents) -> Iterator[str]:
    if contents.run.recorded is not None:
        yield "the checks of the data, which segtrail makes of its own runs alone"
    if not contents.cases:
        yield "the evaluation, so that no case is measured"
    elif not any(row.split == "test" for row in contents.cases):
        yield "a test on cases that took no part in training or choosing"
    if not contents.cases:
        yield "the evaluation"
    if contents.card is not None and contents.card.open_questions:
        yield f"{format_count(len(contents.card.open_questions), 'answer')} of a person to the model card"
    yield "what only a person can do: reading this report, and the review of the images"
    yield "“segtrail verify”, which says whether all is still as it was"


def _failed_cases(contents: RunContents) -> list[str]:
    failed = (row.case for row in contents.cases or [] if row.status in ("missed", "false_positive"))
    return list(dict.fromkeys(failed))


def _measured(contents: RunContents) -> str:
    """Say how many cases of each side were measured."""
    cases = contents.cases or []
    counts = {side: len({row.case for row in cases if row.split == side}) for side in _MEASURED}
    return join_words(
        [format_count(count, f"{SIDE_NAMES[side]} case") for side, count in counts.items() if count]
    )
