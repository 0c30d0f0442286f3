"""Typesetting a document as a tagged PDF/A-3a and PDF/UA-1 with embedded fonts."""

import json
import shutil
import tempfile
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from segtrail.errors import InputError, SegtrailError
from segtrail.report.document import Document
from segtrail.report.wording import sans_font_files

_STANDARDS = ("a-3a", "ua-1")
NO_TYPST = (
    "The PDF of the report needs the package typst, which is not installed here: `pip install typst` brings it. The "
    "web page is made without it; `segtrail report RUN` makes the PDF later, on another machine too."
)


def typeset(document: Document, moment: datetime) -> bytes:
    """Typeset a document; the same document and moment give the same bytes.

    It is compiled in a temporary folder by relative names, so that no path of this machine gets into the PDF.

    Args:
        document: The document.
        moment: The time that the PDF gives as its own.

    Returns:
        The PDF.

    Raises:
        ImportError: The package ``typst`` is missing; ``has_typst`` tells.
        InputError: There is no room for temporary files.
        SegtrailError: The typesetting failed.
    """
    import typst

    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="segtrail_report_") as name:
            _lay_out(Path(name), document)
            return _compile(typst, Path(name), moment)
    except OSError as error:
        raise InputError(
            f"The report can't be written: the folder for temporary files, {tempfile.gettempdir()}, does not take it "
            f"({error.strerror or error}). Free some space there, or name another in the environment variable TMPDIR."
        ) from None
    except typst.TypstError as error:
        raise SegtrailError(
            f"The report of {document.data['run_id']} could not be typeset: {error}. All else is complete "
            "without it; please report this to the developers of segtrail."
        ) from None


def _compile(typst: Any, folder: Path, moment: datetime) -> bytes:
    pdf: bytes = typst.compile(
        str(folder / "template.typ"),
        root=str(folder),
        font_paths=[str(folder / "fonts")],
        ignore_system_fonts=True,
        pdf_standards=list(_STANDARDS),
        timestamp=int(moment.timestamp()),
    )
    return pdf


def has_typst() -> bool:
    """Tell whether the package ``typst`` is there; without it there are web pages but no PDFs."""
    try:
        import typst  # noqa: F401
    except ImportError:
        return False
    return True


def _lay_out(folder: Path, document: Document) -> None:
    template = resources.files("segtrail.report").joinpath("template.typ")
    (folder / "template.typ").write_bytes(template.read_bytes())
    (folder / "report.json").write_text(json.dumps(document.data), encoding="utf-8")
    for subfolder in ("fonts", "figures", "attachments"):
        (folder / subfolder).mkdir()
    for font in sans_font_files():
        shutil.copyfile(font, folder / "fonts" / font.name)
    for subfolder, files in (("figures", document.figures), ("attachments", document.attachments)):
        for file, content in files.items():
            (folder / subfolder / file).write_bytes(content)
