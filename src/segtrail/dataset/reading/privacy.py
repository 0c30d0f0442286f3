"""Signs that a file may tell whose body it shows: in its name, its header's texts, its extensions.

The rules are those of a wary reader, not a proof: a name that no rule knows passes, and a number may be harmless.
"""

import re
from pathlib import PurePosixPath

from segtrail.dataset.reading.case_checks import Find
from segtrail.images.nifti_header import HeaderNotes

_EXTENSION_KINDS = {
    **{2: "DICOM", 4: "AFNI", 6: "comment", 8: "XCEDE", 10: "JIM", 12: "workflow", 14: "FreeSurfer"},
    **{16: "pickle", 18: "MIND", 30: "Caret", 32: "CIFTI", 38: "eval", 40: "MATLAB", 44: "MRS"},
}
_RULES = (
    ("a person's name as DICOM writes it", re.compile(r"[^\W\d_]{2,}\^[^\W\d_]+")),
    ("a date", re.compile(r"(?<!\d)(?:19|20)\d\d([-./_]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)")),
    ("a long number, as patients and accessions have", re.compile(r"(?<![\d.])\d{7,}(?![\d.])")),
    ("a DICOM identifier", re.compile(r"(?<![\d.])[0-2](?:\.\d+){6,}")),
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")),
    (
        "a word that stands before personal data",
        re.compile(
            r"(?:patient|subject[ _-]?name|surname|birth|(?<![a-z])dob(?![a-z])|(?<![a-z])mrn(?![a-z])"
            r"|accession|(?<![a-z])ssn(?![a-z]))",
            re.IGNORECASE,
        ),
    ),
)


def check_privacy(file: str, notes: HeaderNotes, find: Find) -> None:
    """Look for signs of a patient's identity in one file.

    Args:
        file: The file, relative to the data set's folder.
        notes: What its header says.
        find: Hears of what was found; values themselves are not repeated, since reports travel.
    """
    # The folders' names inside the data set count too, that of its root does not.
    stem = str(PurePosixPath(file).with_suffix("").with_suffix(""))
    for where, text in ((f"the name {file}", stem), *_header_texts(file, notes)):
        signs = [kind for kind, pattern in _RULES if pattern.search(text)]
        if signs:
            find("identifying", f"{where} holds {' and '.join(signs)}")
    for code, content in notes.extensions:
        kind = _EXTENSION_KINDS.get(code, f"code {code}")
        size = f"{len(content)} bytes"
        find("identifying", f"{file} carries a header extension ({kind}, {size}) that may name a patient")


def _header_texts(file: str, notes: HeaderNotes) -> list[tuple[str, str]]:
    return [(f"{file}: the header's {field}", text) for field, text in notes.texts.items()]
