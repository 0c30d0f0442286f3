"""Signs that a file may tell whose body it shows: in its name, its header's texts, its extensions.

The rules are those of a wary reader, not a proof: a name that no rule knows passes, and a number may be harmless.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

from segtrail.dataset.description import CaseFiles
from segtrail.dataset.reading.case_checks import Find
from segtrail.images.nifti_header import HeaderNotes

_EXTENSION_KINDS = {
    **{2: "DICOM", 4: "AFNI", 6: "comment", 8: "XCEDE", 10: "JIM", 12: "workflow", 14: "FreeSurfer"},
    **{16: "pickle", 18: "MIND", 30: "Caret", 32: "CIFTI", 38: "eval", 40: "MATLAB", 44: "MRS"},
}

_Rule = tuple[str, Callable[[str], object]]

_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_SHORT_MONTH, _SHORT_DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH_NAME = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]{0,6}"
_DATE = re.compile(
    "|".join(
        (
            rf"(?<!\d){_YEAR}([-./_]?){_MONTH}\1{_DAY}(?!\d)",
            rf"(?<!\d){_YEAR}([-/]){_SHORT_MONTH}\2{_SHORT_DAY}(?!\d)",
            rf"(?<![\d.])(?:{_SHORT_DAY}([-./ ]){_SHORT_MONTH}|{_SHORT_MONTH}([-./ ]){_SHORT_DAY})(?:\3|\4){_YEAR}"
            r"(?!\d|\.\d)",
            rf"(?<!\d)(?:{_DAY}_{_MONTH}|{_MONTH}_{_DAY})_{_YEAR}(?!\d)",
            rf"(?<![^\W_]){_SHORT_DAY}[-. _]*{_MONTH_NAME}[-. _]*{_YEAR}(?!\d)",
        )
    ),
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(r"(?<![\d.])(?=\d{7})0*[1-9]\d{5,}(?![\d.])")
# Nordic: a birthday and four characters; social security in 3-2-4 digits; health service in 3 3 4 digits.
_PERSONAL_NUMBER = re.compile(
    rf"(?<!\d)(?:\d\d{_MONTH}{_DAY}|{_DAY}{_MONTH}\d\d)[-+A]\d{{3}}[\dA-Z](?![^\W_])"
    r"|(?<![\d-])[1-8]\d\d-\d\d-\d{4}(?![\d-])|(?<![\d.])[1-9]\d\d \d{3} \d{4}(?![\d.])"
)


def _find_long_number(text: str) -> object:
    return _LONG_NUMBER.search(_DATE.sub(" ", text))


_RULES: tuple[_Rule, ...] = (
    ("a person's name as DICOM writes it", re.compile(r"[^\W\d_]{2,}\^[^\W\d_]+").search),
    ("a date", _DATE.search),
    ("a long number, as patients and accessions have", _find_long_number),
    ("a personal number", _PERSONAL_NUMBER.search),
    ("a DICOM identifier", re.compile(r"(?<![\d.])[0-2](?:\.\d+){6,}").search),
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+").search),
    (
        "a word that stands before personal data",
        re.compile(
            r"(?<![a-z])(?:(?:patient|subject)'?s?[ _-]?(?:name|id)|surname|birth[ _-]?(?:date|day)"
            r"|date[ _-]of[ _-]birth|dob|mrn|accession|ssn)(?![a-z])",
            re.IGNORECASE,
        ).search,
    ),
)
# In header texts a comma parts sentences; two capital words alone are no sign: BRAIN_TUMOUR looks like MUELLER_HANS.
_SURNAME_FIRST: _Rule = (
    "a name with its surname first",
    re.compile(r"(?<![^\W_])[A-ZÄÖÜ][^\W\d_]+, ?[A-ZÄÖÜ][^\W\d_]+").search,
)
_DCM2NII_TIMES = re.compile(r"\?TR:")
# Harmless, and full of digits: UUIDs, hashes, and the build that FSL writes behind its version.
_UUID = re.compile(r"(?<![^\W_])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![^\W_])", re.IGNORECASE)
_BUILD = re.compile(r"(?<![\d.])\d+\.\d+(?:\.\d+)*:[0-9a-f]{7,40}(?![^\W_])")
_HEX = re.compile(r"(?<![^\W_])(?:[0-9a-f]{7,}|[0-9A-F]{7,})(?![^\W_])")
_SHORT_HASHES = (7, 8)
_SWITCHES_OF_A_HASH = 2


def check_names(files: CaseFiles, find: Find) -> None:
    """Look for signs of a patient's identity in the names of a case, its group and its files.

    Args:
        files: The case. The folders' names inside the data set count too, that of its root does not.
        find: Hears of what was found, once for all names that bear the same signs.
    """
    names = {file: file.removesuffix(".gz").removesuffix(".nii") for file in (*files.images, files.label)}
    if not any(files.case in name for name in names.values()):
        names[f"the case {files.case}"] = files.case
    if files.group is not None:
        names[f"the group {files.group}"] = files.group
    places: dict[str, list[str]] = defaultdict(list)
    for place, name in names.items():
        if signs := _signs(name, (*_RULES, _SURNAME_FIRST)):
            places[signs].append(place)
    for signs, found in places.items():
        find("identifying", f"the name of {' and of '.join(found)} holds {signs}")


def check_privacy(file: str, notes: HeaderNotes, find: Find) -> None:
    """Look for signs of a patient's identity in the header of one file.

    Args:
        file: The file, relative to the data set's folder.
        notes: What its header says.
        find: Hears of what was found; texts themselves are not repeated, since reports travel.
    """
    for field, text in notes.texts.items():
        signs = _signs(text, _RULES)
        if not signs and field == "db_name" and not _DCM2NII_TIMES.match(text):
            signs = (
                "words, where old scanners' programs wrote a name" if re.search(r"[^\W\d_]{2}", text) else ""
            )
        if signs:
            find("identifying", f"{file}: the header's {field} holds {signs}")
    for code, content in notes.extensions:
        kind = _EXTENSION_KINDS.get(code, f"code {code}")
        size = f"{len(content)} bytes"
        find("identifying", f"{file} carries a header extension ({kind}, {size}) that may name a patient")


def _signs(text: str, rules: Sequence[_Rule]) -> str:
    text = _HEX.sub(lambda found: "" if _is_hash(found[0]) else found[0], _BUILD.sub("", _UUID.sub("", text)))
    return " and ".join(sign for sign, search in rules if search(text))


def _is_hash(token: str) -> bool:
    """Tell a hash from a number with initials before it: in a hash letters and digits take turns."""
    switches = sum(one.isdigit() != other.isdigit() for one, other in pairwise(token))
    return switches >= _SWITCHES_OF_A_HASH or (len(token) in _SHORT_HASHES and switches > 0)
