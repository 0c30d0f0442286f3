"""Making report.pdf from a run folder."""

from datetime import UTC, datetime
from pathlib import Path

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.record.addenda import Addenda
from segtrail.record.manifest import ADDENDA, REPORT
from segtrail.record.seal import read_seal
from segtrail.report.document import build_document
from segtrail.report.run_contents import read_run
from segtrail.report.typeset import import_typst, typeset
from segtrail.version import __version__


def make_report(run_dir: Path) -> Path:
    """Make the PDF report of a run, from the files of its folder alone.

    The PDF is tagged PDF/A-3a and PDF/UA-1 with embedded fonts. The same run folder gives the same bytes. A sealed run
    keeps its report: where another version gives other bytes, they come to its addenda.

    Args:
        run_dir: The run folder.

    Returns:
        Path of the report, ``run_dir/report.pdf``, or for a sealed run with other bytes a file in its addenda.

    Raises:
        InputError: The folder is no run folder, one of its files is damaged, the report can't be written,
            or the package ``typst`` is missing.
        SegtrailError: The typesetting failed.
    """
    import_typst()
    contents = read_run(run_dir)
    pdf = typeset(build_document(contents), contents.run.ended_utc or contents.run.created_utc)
    if read_seal(run_dir) is not None:
        return _keep_beside(run_dir, pdf, contents.run.operator)
    path = run_dir / REPORT
    try:
        write_bytes(path, pdf)
    except OSError as error:
        raise InputError(
            f"{path} can't be written: {error.strerror}. Check the disk and the folder's rights."
        ) from None
    return path


def _keep_beside(run_dir: Path, pdf: bytes, operator: str | None) -> Path:
    """Find the report with these bytes, or add it to the addenda."""
    earlier = [run_dir / REPORT, *sorted((run_dir / ADDENDA).glob("report_*.pdf"))]
    same = next((path for path in earlier if path.is_file() and path.read_bytes() == pdf), None)
    if same is not None:
        return same
    name = f"report_{datetime.now(UTC):%Y%m%d_%H%M%S}.pdf"
    return Addenda(run_dir, operator).add_file(name, pdf, "report made again", segtrail_version=__version__)
