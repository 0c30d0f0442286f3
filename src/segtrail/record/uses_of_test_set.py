"""``test_uses.json``: how often the cases of a run's test side were measured, as far as the runs beside it tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from segtrail.atomic import write_json
from segtrail.errors import InputError
from segtrail.record.journal import DATA_ACCESS, Entry, read_journal
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.manifest import ADDENDA
from segtrail.record.recorded_training import is_recorded
from segtrail.record.run_folder import read_json

FILE_NAME = "test_uses.json"
SCHEMA_VERSION = 1
_TABLE = "metrics_cases.csv"
# Cases by their hashes: a scan is the same where its voxels or the bytes of its file are.
_Cases = Mapping[str, frozenset[str]]
_Kind = Literal["run", "evaluation"]


@dataclass(frozen=True)
class Use:
    """One time that test cases were measured.

    Attributes:
        run_id: The run whose network was measured.
        kind: ``run`` for the evaluation at the end of a run, ``evaluation`` for a saved one.
        time_utc: When.
        n_cases: How many of the test cases were among those that were measured.
    """

    run_id: str
    kind: _Kind
    time_utc: str
    n_cases: int


@dataclass(frozen=True)
class UsesOfTestSet:
    """How often the test cases of a run were measured.

    Attributes:
        run_id: The run.
        n_cases: Its test cases.
        n_runs_read: The runs beside it whose journals were read, itself included.
        uses: Every time that one of these cases was measured, the earliest first.
        unread: Folders of runs whose journals do not say what was measured, so that they may hide more.
    """

    run_id: str
    n_cases: int
    n_runs_read: int
    uses: tuple[Use, ...]
    unread: tuple[str, ...]

    def as_mapping(self) -> dict[str, Any]:
        """Return it as the content of ``test_uses.json``."""
        content = asdict(self)
        return {
            "schema_version": SCHEMA_VERSION,
            **content,
            "uses": list(content["uses"]),
            "unread": list(self.unread),
        }


def write_uses(run_dir: Path) -> None:
    """Write ``test_uses.json`` into a run that is about to be sealed; a run without test cases gets none."""
    uses = find_uses(run_dir)
    if uses is not None:
        write_json(run_dir / FILE_NAME, uses.as_mapping())


def find_uses(run_dir: Path) -> UsesOfTestSet | None:
    """Count how often the test cases of a run were measured: by which runs, and in which saved evaluations.

    Args:
        run_dir: The run folder; the runs that lie beside it are read.

    Returns:
        Every use; None where the run has no test cases.

    Raises:
        InputError: The record of the run itself can't be read.
    """
    summary = read_json(run_dir / "dataset_summary.json")
    wanted = [*_cases_of(summary, "test").values()]
    if not wanted:
        return None
    uses: set[Use] = set()
    unread: list[str] = []
    n_read = 0
    for folder in _runs_beside(run_dir):
        try:
            uses.update(_uses_of_run(folder, wanted))
            n_read += 1
        except (InputError, OSError, LookupError, TypeError, AttributeError):
            unread.append(folder.name)
    ordered = sorted(uses, key=lambda use: (use.time_utc, use.run_id, use.kind))
    run_id = str(read_json(run_dir / "run.json")["run_id"])
    return UsesOfTestSet(run_id, len(wanted), n_read, tuple(ordered), tuple(unread))


def _runs_beside(run_dir: Path) -> list[Path]:
    """List the folders in which something was measured, the run's own included."""
    signs = (JOURNAL, _TABLE)
    folders = [path for path in run_dir.resolve().parent.iterdir() if path.is_dir()]
    return sorted(path for path in folders if any((path / sign).is_file() for sign in signs))


def _uses_of_run(run_dir: Path, wanted: Sequence[frozenset[str]]) -> Iterator[Use]:
    entries = read_journal(run_dir / JOURNAL)
    state = read_json(run_dir / "run.json")
    run_id = str(state["run_id"])
    evaluated = next((entry for entry in reversed(entries) if entry.action == "evaluated"), None)
    if is_recorded(state):
        if evaluated is not None and evaluated.details["cases"]:
            raise InputError(f"The journal of {run_id} names cases of another program, but not their images.")
    elif evaluated is not None:
        voxels = _cases_of(read_json(run_dir / "dataset_summary.json"))
        yield from _use(run_id, "run", evaluated, voxels, wanted)
    elif (run_dir / _TABLE).is_file():
        raise InputError(f"The journal of {run_id} does not say which cases were measured.")
    for folder in (run_dir / "evaluations", run_dir / ADDENDA / "evaluations"):
        for path in sorted(folder.glob(f"*/{DATA_ACCESS}")):
            for entry in read_journal(path):
                yield from _use(run_id, "evaluation", entry, {}, wanted)


def _use(
    run_id: str, kind: _Kind, entry: Entry, known: _Cases, wanted: Sequence[frozenset[str]]
) -> Iterator[Use]:
    """Give a use where a line of a journal names wanted cases."""
    voxels = entry.details.get("voxels", {})
    measured = {
        digest
        for case, files in entry.details["cases"].items()
        for digest in (files.get("image"), voxels.get(case), *known.get(case, ()))
    }
    n_cases = sum(not measured.isdisjoint(hashes) for hashes in wanted)
    if n_cases:
        yield Use(run_id, kind, entry.time_utc, n_cases)


def _cases_of(summary: Mapping[str, Any], side: str | None = None) -> dict[str, frozenset[str]]:
    """Return the hashes of the images of a data set, of one side or all, by case."""
    return {
        case["case"]: frozenset({case["image"]["sha256_voxels"], case["image"]["sha256_file"]})
        for case in summary["cases"]
        if side is None or case["side"] == side
    }
