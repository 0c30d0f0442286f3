"""Making report.html and report.pdf from a run folder."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.record.addenda import Addenda
from segtrail.record.manifest import ADDENDA, REPORT, TEXT_SUFFIXES, WEB_REPORT, as_written
from segtrail.record.seal import read_seal
from segtrail.report.document import build_document
from segtrail.report.run_contents import read_run
from segtrail.report.typeset import has_typst, typeset
from segtrail.report.web_page import write_web_page
from segtrail.version import __version__


@dataclass(frozen=True)
class Reports:
    """The reports of a run.

    Attributes:
        web_page: The HTML.
        pdf: The PDF; None where the package ``typst`` is missing.
    """

    web_page: Path
    pdf: Path | None


def make_reports(run_dir: Path) -> Reports:
    """Make the reports of a run, from the files of its folder alone: a web page, and a PDF of the same parts.

    The PDF is tagged PDF/A-3a and PDF/UA-1 with embedded fonts. The same run folder gives the same bytes. A sealed run
    keeps its reports: where another version gives other bytes, they come to its addenda.

    Args:
        run_dir: The run folder.

    Returns:
        ``run_dir/report.html`` and ``run_dir/report.pdf``, or for a sealed run with other bytes files in its addenda.

    Raises:
        InputError: The folder is no run folder, one of its files is damaged, or a report can't be written.
        SegtrailError: The typesetting failed.
    """
    contents = read_run(run_dir)
    document = build_document(contents)
    page = write_web_page(document)
    pdf = typeset(document, contents.run.ended_utc or contents.run.created_utc) if has_typst() else None
    if read_seal(run_dir) is None:
        return _write(run_dir, page, pdf)
    operator = contents.run.operator
    return Reports(
        _keep_beside(run_dir, WEB_REPORT, page, operator),
        None if pdf is None else _keep_beside(run_dir, REPORT, pdf, operator),
    )


def _write(run_dir: Path, page: bytes, pdf: bytes | None) -> Reports:
    path = run_dir / REPORT
    try:
        write_bytes(run_dir / WEB_REPORT, page)
        if pdf is None:
            path.unlink(missing_ok=True)  # one of an earlier state would say something else than the page
        else:
            write_bytes(path, pdf)
    except OSError as error:
        raise InputError(
            f"The reports can't be written into {run_dir}: {error.strerror}. Check the disk and the folder's rights."
        ) from None
    return Reports(run_dir / WEB_REPORT, None if pdf is None else path)


def _keep_beside(run_dir: Path, name: str, content: bytes, operator: str | None) -> Path:
    """Find the report with these bytes, or add it to the addenda."""
    suffix = Path(name).suffix
    earlier = [run_dir / name, *sorted((run_dir / ADDENDA).glob(f"report_*{suffix}"))]
    read = as_written if suffix in TEXT_SUFFIXES else Path.read_bytes
    same = next((path for path in earlier if path.is_file() and read(path) == content), None)
    if same is not None:
        return same
    new_name = f"report_{datetime.now(UTC):%Y%m%d_%H%M%S}{suffix}"
    return Addenda(run_dir, operator).add_file(
        new_name, content, "report made again", segtrail_version=__version__
    )
