"""Making report.pdf from a run folder."""

from pathlib import Path

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.report.document import build_document
from segtrail.report.run_contents import read_run
from segtrail.report.typeset import import_typst, typeset


def make_report(run_dir: Path) -> Path:
    """Make the PDF report of a run, from the files of its folder alone.

    The PDF is tagged PDF/A-3a and PDF/UA-1 with embedded fonts. The same run folder gives the same bytes.

    Args:
        run_dir: The run folder.

    Returns:
        Path of the report, ``run_dir/report.pdf``, written atomically.

    Raises:
        InputError: The folder is no run folder, one of its files is damaged, the report can't be written,
            or the package ``typst`` is missing.
        SegtrailError: The typesetting failed.
    """
    import_typst()
    contents = read_run(run_dir)
    pdf = typeset(build_document(contents), contents.run.ended_utc or contents.run.created_utc)
    path = run_dir / "report.pdf"
    try:
        write_bytes(path, pdf)
    except OSError as error:
        raise InputError(
            f"{path} can't be written: {error.strerror}. Check the disk and the folder's rights."
        ) from None
    return path
