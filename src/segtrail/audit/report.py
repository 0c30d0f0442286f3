"""What lies in the reports of a run, against the files beside them."""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from segtrail.audit.outcome import Outcome
from segtrail.record.manifest import REPORT, WEB_REPORT, as_written
from segtrail.report.attachments import DESCRIPTIONS
from segtrail.report.carried_files import read_carried_files

TITLE = "The files in the report are those of the run"


def check_report(run_dir: Path) -> Outcome:
    """Compare the files that ``report.pdf`` and ``report.html`` carry with those of the folder.

    Args:
        run_dir: The run folder.

    Returns:
        A fault for each that is another one, and for each that a report leaves out.
    """
    reports = [name for name in _READERS if (run_dir / name).is_file()]
    if not reports:
        return Outcome.not_checked("report", TITLE, "the run has no report")
    faults: list[str] = []
    read: dict[str, dict[str, bytes]] = {}
    for report in reports:
        try:
            read[report] = _READERS[report]((run_dir / report).read_bytes())
        except Exception as error:  # whoever edited a report chose what reading it raises
            faults.append(f"{report} can't be read: {type(error).__name__}")
    carried = {name for attached in read.values() for name in attached}
    if not carried and not faults:
        return Outcome.not_checked("report", TITLE, "it carries none; a version that attached none made it")
    for report, attached in read.items():
        faults += [*_faults(run_dir, report, attached), *_left_out(run_dir, report, attached)]
    return Outcome.of_faults("report", TITLE, faults, ", ".join(sorted(carried)))


def _faults(run_dir: Path, report: str, attached: Mapping[str, bytes]) -> Iterator[str]:
    for name, content in attached.items():
        path = run_dir / name
        if path.parent != run_dir or not path.is_file():
            yield f"{report} carries {name}, which the run does not have"
        elif as_written(path) != content:
            yield f"{report} carries another {name} than the run has"


def _left_out(run_dir: Path, report: str, attached: Mapping[str, bytes]) -> Iterator[str]:
    for name in sorted(DESCRIPTIONS.keys() - attached.keys()):
        if (run_dir / name).is_file():
            yield f"{report} does not carry {name}"


def _read_attachments(pdf: bytes) -> dict[str, bytes]:
    from pypdf import PdfReader

    return {
        name: contents[0] for name, contents in PdfReader(io.BytesIO(pdf)).attachments.items() if contents
    }


_READERS: Mapping[str, Callable[[bytes], dict[str, bytes]]] = {
    REPORT: _read_attachments,
    WEB_REPORT: read_carried_files,
}
