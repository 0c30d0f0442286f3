"""The runbook's checklist of seven points, as far as a program can go through it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segtrail.audit.numbers import read_object
from segtrail.audit.outcome import Outcome, Status
from segtrail.dataset.names import printable
from segtrail.errors import InputError
from segtrail.record.journal import Entry
from segtrail.record.recorded_training import is_recorded
from segtrail.record.seal import SEALED


@dataclass(frozen=True)
class Point:
    """One point of the checklist.

    Attributes:
        number: Its number in the runbook.
        title: What must hold.
        status: Whether it does; ``not checked`` where only a person can say.
        evidence: What that rests on.
    """

    number: int
    title: str
    status: Status
    evidence: str

    def printable(self) -> "Point":
        """Return it for a terminal."""
        return replace(self, evidence=printable(self.evidence))


def go_through(run_dir: Path, outcomes: Sequence[Outcome], entries: Sequence[Entry]) -> list[Point]:
    """Answer the seven points from the run folder and the checks that were made.

    Args:
        run_dir: The run folder.
        outcomes: The checks.
        entries: The lines of the run's journal.

    Returns:
        The points, in the runbook's order.
    """
    known = {outcome.check: outcome for outcome in outcomes}
    if is_recorded(_read(run_dir, "run.json")):
        return [point.printable() for point in _points_of_recorded(_read(run_dir, "run.json"), known)]
    run, summary = _read(run_dir, "run.json"), _read(run_dir, "dataset_summary.json")
    points = [
        Point(1, "The data are checked and fingerprinted", *_answer(_data, summary, known)),
        Point(2, "The split does not leak", *_answer(_split, summary)),
        Point(3, "The configuration is resolved and kept", *_of(known["configuration"])),
        Point(4, "The training finished", *_answer(_training, run, known["history"], entries)),
        Point(5, "Metrics are per case, on full volumes", *_of(known["metrics"])),
        Point(6, "The report was read", "not checked", _reading(known.get("signoff"))),
        Point(7, "The record is archived", "not checked", _archive(known["journal"])),
    ]
    return [point.printable() for point in points]


def _points_of_recorded(run: Mapping[str, Any], known: Mapping[str, Outcome]) -> list[Point]:
    """Answer the points for another program's training, of which a record knows less."""
    recorded = run["recorded"]
    return [
        Point(1, "The data are checked and fingerprinted", *_answer(_listed_data, recorded, known)),
        Point(2, "The split does not leak", "not checked", "another program divided the data"),
        Point(3, "The configuration is resolved and kept", *_of(known["configuration"])),
        Point(4, "The training finished", *_answer(_exit, run)),
        Point(5, "Metrics are per case, on full volumes", *_of(known["metrics"])),
        Point(6, "The report was read", "not checked", _reading(known.get("signoff"))),
        Point(7, "The record is archived", "not checked", _archive(known["journal"])),
    ]


def _listed_data(recorded: Mapping[str, Any], known: Mapping[str, Outcome]) -> tuple[Status, str]:
    data = recorded["data"]
    if data is None:
        return "not checked", "no data set was named"
    if known["data"].status == "fail" or data["changes"]:
        return "fail", _text_of(known["data"]) if known[
            "data"
        ].status == "fail" else "files changed meanwhile"
    return "not checked", (
        f"{data['files']} files have their hashes on record; `segtrail check` looks whether they are sound"
    )


def _exit(run: Mapping[str, Any]) -> tuple[Status, str]:
    ended = str(run["ended_because"])
    return ("pass" if run["status"] == "finished" else "fail"), ended


def _read(run_dir: Path, name: str) -> dict[str, Any]:
    try:
        return read_object(run_dir / name)
    except InputError:
        return {}


def _answer(point: Callable[..., tuple[Status, str]], *arguments: Any) -> tuple[Status, str]:
    """Go through a point; a file that was edited may lack what it asks for."""
    try:
        return point(*arguments)
    except (LookupError, AttributeError, TypeError) as error:
        return "fail", f"a file of the record does not hold what it should: {type(error).__name__} {error}"


def _of(outcome: Outcome) -> tuple[Status, str]:
    return outcome.status, _text_of(outcome)


def _text_of(outcome: Outcome) -> str:
    return "; ".join(outcome.evidence)


def _data(summary: Mapping[str, Any], known: Mapping[str, Outcome]) -> tuple[Status, str]:
    failed = [
        check["id"]
        for check in summary.get("checks", [])
        if check["status"] == "failed" and check["severity"] == "error"
    ]
    if not summary.get("fingerprint"):
        return "fail", "dataset_summary.json has no fingerprint"
    if failed:
        return "fail", f"these checks of the data failed: {', '.join(failed)}"
    if known["data"].status == "fail":
        return "fail", "; ".join(known["data"].evidence)
    warned = [check["id"] for check in summary["checks"] if check["status"] == "failed"]
    seen = f"; a person has to have looked at: {', '.join(warned)}" if warned else ""
    return "pass", f"{len(summary['checks'])} checks, fingerprint {summary['fingerprint'][:12]}{seen}"


def _split(summary: Mapping[str, Any]) -> tuple[Status, str]:
    sides: dict[str, set[str]] = {}
    for case in summary.get("cases", []):
        if case["side"] == "unused":
            continue
        keys = [
            f"scan {case['image']['sha256_voxels']}",
            *([f"group {case['group']}"] if case["group"] else []),
        ]
        for key in keys:
            sides.setdefault(key, set()).add(case["side"])
    if not sides:
        return "fail", "dataset_summary.json names no cases"
    leaks = [key for key, found in sides.items() if len(found) > 1]
    if leaks:
        return "fail", f"on more than one side: {', '.join(leaks)}"
    return (
        "pass",
        "no scan and no group is on two sides; that patients are named as groups only a person can say",
    )


def _training(run: Mapping[str, Any], history: Outcome, entries: Sequence[Entry]) -> tuple[Status, str]:
    if run.get("status") != "finished":
        return "fail", f"the status is {run.get('status')}"
    if history.status == "fail":
        return _of(history)
    resumed = [entry.details for entry in entries if entry.action == "resumed"]
    parents = [entry.details.get("parent") or {} for entry in entries if entry.action == "run opened"]
    if any(details.get("differences") for details in [*resumed, *parents]):
        return "fail", "it was gone on with under other conditions than those it began with"
    times = "once" if len(resumed) == 1 else f"{len(resumed)} times"
    again = f", gone on with {times} under the same conditions" if resumed else ""
    return "pass", f"{'; '.join(history.evidence)}{again}"


def _reading(signoffs: Outcome | None) -> str:
    """What persons said of the run; whether they read the report is theirs to say."""
    said = "" if signoffs is None or signoffs.status != "pass" else f"; {'; '.join(signoffs.evidence)}"
    return f"only a person can say so{said}"


def _archive(journal: Outcome) -> str:
    return (
        f"only a person can say so; the run is {SEALED}"
        if journal.status == "pass"
        else "the run is not sealed"
    )
