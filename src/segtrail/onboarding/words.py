"""The words in names of files and folders that tell images from labels; all of them stand here."""

import re
from dataclasses import dataclass
from typing import Literal

LABEL_WORDS = frozenset(
    {
        *("label", "labels", "labelstr", "labelsva", "labelsval", "labelmap", "labelmaps"),
        *("seg", "segs", "dseg", "segmentation", "segmentations"),
        *(
            "mask",
            "masks",
            "msk",
            "msks",
            "roi",
            "rois",
            "contour",
            "contours",
            "delineation",
            "delineations",
        ),
        *("gt", "groundtruth", "ground", "truth", "manual", "annotation", "annotations"),
    }
)
IMAGE_WORDS = frozenset(
    {
        *("image", "images", "imagestr", "imagesva", "imagesval", "img", "imgs"),
        *("volume", "volumes", "vol", "vols", "scan", "scans"),
    }
)
TEST_IMAGE_WORDS = frozenset({"imagests", "imagestest"})
TEST_LABEL_WORDS = frozenset({"labelsts", "labelstest"})
# Folders that hold a part of the study's patients, never the scans of one.
_PARTS_OF_STUDY = frozenset(
    {
        *("train", "training", "tr", "val", "valid", "validation", "va", "test", "testing", "ts"),
        *("fold", "split", "batch", "part", "site", "center", "centre", "hospital", "cohort", "dataset"),
    }
)
# Folders that say neither, and differ between an image and its label.
NEUTRAL_FOLDERS = frozenset({"derivatives", "rawdata", "sourcedata"})

Role = Literal["image", "label", "test image", "test label"]

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_SEPARATORS = "_-. "


@dataclass(frozen=True)
class _Token:
    text: str
    start: int
    end: int


def tokens_of(name: str) -> tuple[str, ...]:
    """Split a name into its runs of letters and of digits, in lower case."""
    return tuple(token.text for token in _tokens(name))


def folder_role(folder: str) -> Role | None:
    """Return what the name of a folder says of the files in it; None where it says nothing."""
    words = set(tokens_of(folder))
    joined = "".join(tokens_of(folder))
    if joined in TEST_LABEL_WORDS or words & TEST_LABEL_WORDS:
        return "test label"
    if joined in TEST_IMAGE_WORDS or words & TEST_IMAGE_WORDS:
        return "test image"
    if words & LABEL_WORDS:
        return "label"
    return "image" if words & IMAGE_WORDS else None


def is_part_of_study(folder: str) -> bool:
    """Tell whether a folder by its name holds a part of the patients, or images or labels: ``train``, ``site 2``."""
    return folder_role(folder) is not None or bool(set(tokens_of(folder)) & _PARTS_OF_STUDY)


def says_label(name: str) -> bool:
    """Tell whether a file's name begins or ends with a word for labels: ``CASE_seg``, ``mask-CASE``, ``label1``."""
    return _word_at_an_end(name, LABEL_WORDS) is not None


def without_label_word(name: str) -> str:
    """Return a name without its word for labels: ``CASE_seg`` and ``seg_CASE`` give ``CASE``."""
    return _without(name, LABEL_WORDS)


def without_image_word(name: str) -> str:
    """Return a name without its word for images: ``CASE_image`` and ``img_CASE`` give ``CASE``."""
    return _without(name, IMAGE_WORDS)


def _tokens(name: str) -> list[_Token]:
    return [_Token(found.group().lower(), found.start(), found.end()) for found in _TOKEN.finditer(name)]


def _word_at_an_end(name: str, words: frozenset[str]) -> _Token | None:
    """Find the word that ends a name, a number behind it aside, or begins it."""
    tokens = _tokens(name)
    if not tokens:
        return None
    last = tokens[-2] if tokens[-1].text.isdigit() and len(tokens) > 1 else tokens[-1]
    return next((token for token in (tokens[-1], last, tokens[0]) if token.text in words), None)


def _without(name: str, words: frozenset[str]) -> str:
    word = _word_at_an_end(name, words)
    if word is None:
        return name
    before, after = name[: word.start].rstrip(_SEPARATORS), name[word.end :].lstrip(_SEPARATORS)
    return "_".join(part for part in (before, after) if part)
