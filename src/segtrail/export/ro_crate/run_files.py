"""The files of a run as a crate takes them: what each is, its format, and what the training had to do with it."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from segtrail.record.links import refuse_links
from segtrail.record.manifest import ADDENDA, LEFT_BY_SYSTEMS
from segtrail.record.run_folder import LOCK_FILE

Part = Literal["input", "result", "record"]
# Addenda may hold the key to the pseudonyms of shared copies; the other folder is theirs in a run that is not sealed.
_LEFT_OUT = frozenset({ADDENDA, "evaluations"})
# What a kill may leave, beside hidden files that end with .tmp.
_HALF_WRITTEN = ("best_next.pt", "last_next.pt")
# By the end of the name; the longer ends come first.
_FORMATS = {
    ".cdx.json": "application/vnd.cyclonedx+json",
    ".nii.gz": "application/gzip",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".yaml": "application/yaml",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".bib": "text/x-bibtex",
    ".log": "text/plain",
    ".txt": "text/plain",
    ".patch": "text/x-diff",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".zip": "application/zip",
}
_ANY_FORMAT = "application/octet-stream"
# The first pattern that fits counts.
_KINDS: dict[str, tuple[Part, str]] = {
    "config_resolved.yaml": ("input", "Every value of the configuration, defaults included."),
    "training_configuration.json": ("input", "What the training was configured with, from its own files."),
    "run.json": ("record", "State of the run, versions, device and times."),
    "share.json": ("record", "What this shared copy is, and what was left out of it."),
    "dataset_summary.json": (
        "record",
        "The data set: its fingerprint, its cases and their split, the checks.",
    ),
    "data_files.csv": ("record", "Every file of the data set with its SHA-256, before the command began."),
    "dataset_montage.png": ("record", "A slice of every case with the outlines of its labels."),
    "provenance/provenance.json": ("record", "Repositories and machine, and what is not on record."),
    "provenance/packages.json": ("record", "Every package that Python found, with its version."),
    "provenance/sbom.cdx.json": ("record", "The packages as a bill of materials."),
    "provenance/code.zip": ("record", "The sources that ran."),
    "provenance/*.patch": ("record", "What was changed in a repository since its commit."),
    "provenance/*": ("record", "Where a run that was gone on with came from then."),
    "train.log": ("record", "What the program said."),
    "journal.jsonl": ("record", "What happened, line by line, each chained to the one before by its hash."),
    "manifest.json": ("record", "Every file with size and hash; its own SHA-256 is the run's fingerprint."),
    "test_uses.json": ("record", "How often the test cases were measured."),
    "history.csv": ("result", "Losses, validation Dice and learning rate of each epoch."),
    "regions.json": ("result", "Where the second network looks, case by case."),
    "checkpoints/best.pt": ("result", "The weights of the chosen epoch, a PyTorch file."),
    "checkpoints/last.pt": ("result", "The state of the training after its last epoch, a PyTorch file."),
    "checkpoints/*": ("result", "Weights."),
    "predictions/*": ("result", "The label map of a case as the network gives it, NIfTI."),
    "inference.json": ("result", "How each image went through the networks."),
    "calibration.json": ("result", "Whether the probabilities of the network come true."),
    "metrics_cases.csv": ("result", "Every metric of every case and class, unrounded."),
    "metrics_summary.json": ("result", "Metrics over cases, with intervals and definitions."),
    "examples/examples.json": ("result", "Which cases the pictures show, and how they were chosen."),
    "examples/*": ("result", "A picture of a case with reference and prediction."),
    "model_card.md": ("result", "What the network is for, how well it does, where it fails."),
    "methods.md": ("result", "The methods section of a manuscript."),
    "methods.bib": ("result", "The references of the methods section."),
    "report.pdf": ("result", "The report, to print."),
    "report.html": ("result", "The report, for a browser."),
    "outputs/*": ("result", "A file that the recorded program wrote."),
}


@dataclass(frozen=True)
class RunFile:
    """A file of a run.

    Attributes:
        name: Its path in the run, with forward slashes.
        part: Whether the training read it, made it, or whether it is about the training.
        description: What it is, a sentence.
        encoding_format: Its media type.
    """

    name: str
    part: Part
    description: str
    encoding_format: str


def list_run_files(folder: Path) -> list[RunFile]:
    """List the files of a run that go along, sorted by path.

    Args:
        folder: The run folder.

    Raises:
        InputError: It holds a link, which might lead out of it.
    """
    refuse_links(folder)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [_describe(name) for name in names if not _is_left_out(name)]


def _is_left_out(name: str) -> bool:
    file = name.rpartition("/")[2]
    return (
        name.partition("/")[0] in _LEFT_OUT
        or file in {LOCK_FILE, *LEFT_BY_SYSTEMS, *_HALF_WRITTEN}
        or file.endswith(".tmp")
    )


def _describe(name: str) -> RunFile:
    part, description = next(
        (kind for pattern, kind in _KINDS.items() if fnmatchcase(name, pattern)),
        ("record", "A file of the run."),
    )
    encoding = next((kind for end, kind in _FORMATS.items() if name.endswith(end)), _ANY_FORMAT)
    return RunFile(name, part, description, encoding)
