"""Making report.pdf from a run folder."""

import json
import shutil
import tempfile
from datetime import UTC
from importlib import resources
from pathlib import Path
from typing import Any

from segtrail.atomic import write_bytes
from segtrail.errors import InputError, SegtrailError
from segtrail.report.document import Document, build_document
from segtrail.report.run_contents import RunContents, read_run
from segtrail.report.wording import sans_font_files

_STANDARDS = ("a-3a", "ua-1")


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
    typst = import_typst()
    contents = read_run(run_dir)
    pdf = _compile(typst, build_document(contents), contents)
    path = run_dir / "report.pdf"
    try:
        write_bytes(path, pdf)
    except OSError as error:
        raise InputError(
            f"{path} can't be written: {error.strerror}. Check the disk and the folder's rights."
        ) from None
    return path


def import_typst() -> Any:
    """Return the module ``typst``; where it is missing, say what to do."""
    try:
        import typst
    except ImportError:
        raise InputError(
            "The report needs the package typst, which is not installed here: `pip install typst` brings it. "
            "Training works without it (report.enabled=false); `segtrail report RUN` makes the report later, "
            "on another machine too."
        ) from None
    return typst


def _compile(typst: Any, document: Document, contents: RunContents) -> bytes:
    """Compile in a temporary folder by relative names: no path of this machine gets into the PDF."""
    moment = contents.run.ended_utc or contents.run.created_utc
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    with tempfile.TemporaryDirectory(prefix="segtrail_report_") as name:
        folder = Path(name)
        _lay_out(folder, document)
        try:
            pdf: bytes = typst.compile(
                str(folder / "template.typ"),
                root=str(folder),
                font_paths=[str(folder / "fonts")],
                ignore_system_fonts=True,
                pdf_standards=list(_STANDARDS),
                timestamp=int(moment.timestamp()),
            )
        except typst.TypstError as error:
            raise SegtrailError(
                f"The report of {contents.run.run_id} could not be typeset: {error}. The run folder is complete "
                "without it; please report this to the developers of segtrail."
            ) from None
    return pdf


def _lay_out(folder: Path, document: Document) -> None:
    template = resources.files("segtrail.report").joinpath("template.typ")
    (folder / "template.typ").write_bytes(template.read_bytes())
    (folder / "report.json").write_text(json.dumps(document.data), encoding="utf-8")
    for subfolder in ("fonts", "figures"):
        (folder / subfolder).mkdir()
    for font in sans_font_files():
        shutil.copyfile(font, folder / "fonts" / font.name)
    for file, content in document.figures.items():
        (folder / "figures" / file).write_bytes(content)
