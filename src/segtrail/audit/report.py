"""What lies in the report of a run, against the files beside it."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from segtrail.audit.outcome import Outcome
from segtrail.record.manifest import REPORT, as_written

TITLE = "The files in the report are those of the run"


def check_report(run_dir: Path) -> Outcome:
    """Compare the files that are attached to ``report.pdf`` with those of the folder.

    Args:
        run_dir: The run folder.

    Returns:
        A fault for each that is another one.
    """
    if not (run_dir / REPORT).is_file():
        return Outcome.not_checked("report", TITLE, "the run has no report")
    try:
        attached = _read_attachments((run_dir / REPORT).read_bytes())
    except Exception as error:  # whoever edited a PDF chose what reading it raises
        return Outcome("report", TITLE, "fail", (f"{REPORT} can't be read: {type(error).__name__}",))
    if not attached:
        return Outcome.not_checked("report", TITLE, "it carries none; a version that attached none made it")
    return Outcome.of_faults("report", TITLE, list(_faults(run_dir, attached)), ", ".join(sorted(attached)))


def _faults(run_dir: Path, attached: Mapping[str, bytes]) -> Iterator[str]:
    for name, content in attached.items():
        path = run_dir / name
        if path.parent != run_dir or not path.is_file():
            yield f"{REPORT} carries {name}, which the run does not have"
        elif as_written(path) != content:
            yield f"{REPORT} carries another {name} than the run has"


def _read_attachments(pdf: bytes) -> dict[str, bytes]:
    from pypdf import PdfReader

    return {
        name: contents[0] for name, contents in PdfReader(io.BytesIO(pdf)).attachments.items() if contents
    }
