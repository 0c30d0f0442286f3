"""What is known to stay out of a shared copy, and why; of the rest only the number is told, for a key may be a name."""

import re
from collections.abc import Iterator
from typing import Final

NAMES: Final = "it names cases, groups or files"
TEXT: Final = "a person wrote it freely"
HASH: Final = "by its hash a guess about the data could be tested"
HEADER: Final = "it is of a single image: its header or its voxels"
PICTURE: Final = "it shows a patient"
CODE: Final = "code of one's own may say anything; --with-code takes it along"
WEIGHTS: Final = "a network may hold traces of single images; --with-weights takes it along"
NOT_NEEDED: Final = "only going on with the training needs it"
MACHINE: Final = "it may name folders, persons or machines"
REMADE: Final = "it holds pictures and texts that stay; the model card is made again from the copy"
PROOF: Final = "it names persons, data and files, line by line; the commitment stands for it"
DESCRIPTION: Final = "a person wrote it freely; --with-description takes it along"
UNKNOWN: Final = "this segtrail does not know it"

# Whole files, by a pattern that their paths have, and the name that stands for them.
_FILES: tuple[tuple[str, str, str], ...] = (
    (r"train\.log", "train.log", NAMES),
    (r"journal\.jsonl", "journal.jsonl", PROOF),
    (r"manifest\.json", "manifest.json", PROOF),
    (r"addenda/.*", "addenda/", PROOF),
    (r"report\.pdf", "report.pdf", REMADE),
    (r"report\.html", "report.html", REMADE),
    (r"predictions/.*\.nii\.gz", "predictions/", PICTURE),
    (r"examples/.*", "examples/", PICTURE),
    (r"dataset_montage\.png", "dataset_montage.png", PICTURE),
    (r"checkpoints/best\.pt", "checkpoints/best.pt", WEIGHTS),
    (r"checkpoints/last\.pt", "checkpoints/last.pt", NOT_NEEDED),
    (r"checkpoints/finders/.*", "checkpoints/finders/", NOT_NEEDED),
    (r"provenance/code\.zip", "provenance/code.zip", CODE),
    (r"provenance/[a-z_]+\.patch", "provenance/*.patch", MACHINE),
    (r"provenance/resumed_[0-9]+/.*", "provenance/resumed_NUMBER/", MACHINE),
)
_KEYS: dict[str, dict[str, str]] = {
    "run.json": {
        "start_command": MACHINE,
        "project": TEXT,
        "operator": TEXT,
        "note": TEXT,
        "own_code": CODE,
        "ended_because": TEXT,
        "model.name": CODE,
        "model.source_sha256": CODE,
        "stages.name": CODE,
        "stages.source_sha256": CODE,
        "parent.fingerprint": HASH,
        "parent.differences.before": HASH,
        "parent.differences.now": HASH,
        "resumed.start_command": MACHINE,
        "resumed.differences.before": HASH,
        "resumed.differences.now": HASH,
        "resumed.provenance": HASH,
    },
    "config_resolved.yaml": {
        "project": TEXT,
        "paths.data_root": MACHINE,
        "paths.output_root": MACHINE,
        "paths.cache_root": MACHINE,
        "data.description_file": NAMES,
        "model.name": CODE,
        "model.arguments": CODE,
        "train.loss.name": CODE,
        "augment.transforms": CODE,
    },
    "dataset_summary.json": {
        **dict.fromkeys(("name", "description", "licence", "reference", "release"), DESCRIPTION),
        "dataset_json_sha256": HASH,
        "fingerprint": HASH,
        "cases.image": HEADER,
        "cases.label": HEADER,
        "cases.group": NAMES,
        "split.hash": HASH,
        "checks.findings.case": NAMES,
        "checks.findings.evidence": NAMES,
        "checks.title": TEXT,
        "checks.remedy": TEXT,
    },
    "inference.json": {"cases.guard.evidence": HEADER},
    "regions.json": {"cases.guard.evidence": HEADER},
    "test_uses.json": {"unread": MACHINE},
    "provenance/provenance.json": {
        **{
            f"{where}_repository.{key}": MACHINE
            for where in ("program", "working")
            for key in ("tags", "branch", "submodules", "patch", "patch_is_redacted")
        },
        "machine.environment_variables": MACHINE,
        "machine.system.version": MACHINE,
        "gaps": MACHINE,
    },
    "checkpoints/best.pt": {"dataset_fingerprint": HASH},
}
_STAGE = re.compile(r"^stages\.NAME\.")


def name_of_file(path: str) -> str | None:
    """Return the name that stands for a file which stays out; None where it is not known.

    Args:
        path: Its path in the run.
    """
    return next((name for expression, name, _ in _FILES if re.fullmatch(expression, path)), None)


def reason_for(file: str, key: str) -> str | None:
    """Say why something stays out; None where it is not known, so that it must not be named either.

    Args:
        file: The file, or the name that stands for several.
        key: The key; empty for the whole file.
    """
    if not key:
        return next((reason for _, name, reason in _FILES if name == file), None)
    if file == "checkpoints/best.pt" and key.startswith("config."):
        return reason_for("config_resolved.yaml", key.removeprefix("config."))
    return _KEYS.get(file, {}).get(_STAGE.sub("", key))


def all_reasons() -> Iterator[tuple[str, str, str]]:
    """List what is known to stay out: file, key and reason."""
    yield from ((name, "", reason) for _, name, reason in _FILES)
    for file, keys in _KEYS.items():
        yield from ((file, key, reason) for key, reason in keys.items())
