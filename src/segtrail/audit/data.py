"""The data set of a run against the hashes on record."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from segtrail.audit.numbers import read_object
from segtrail.audit.outcome import Outcome
from segtrail.config.load import load_config
from segtrail.record.hashing import hash_file, hash_text_file
from segtrail.record.resolved_config import FILE_NAME as CONFIG_FILE

TITLE = "The data are those of the run"


def check_data(
    run_dir: Path, data_root: Path | None, on_case: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Hash every file of the data set that the run read.

    Args:
        run_dir: The run folder.
        data_root: Folder of the data set; None leaves the check out.
        on_case: Hears of every case.

    Returns:
        A fault for each file that is missing or another one.
    """
    if data_root is None:
        return Outcome.not_checked("data", TITLE, "--data DIR compares them")
    summary = read_object(run_dir / "dataset_summary.json")
    faults = list(_faults(run_dir, summary, data_root, on_case))
    return Outcome.of_faults(
        "data",
        TITLE,
        faults,
        f"the description and all files of {len(summary['cases'])} cases have their hashes",
    )


def _faults(
    run_dir: Path, summary: Mapping[str, Any], root: Path, on_case: Callable[[str], None]
) -> Iterator[str]:
    if not root.is_dir():
        yield f"there is no folder {root.name}"
        return
    if not summary["cases"]:
        yield "dataset_summary.json names no cases"
    yield from _faults_of_description(run_dir, summary, root)
    for case in summary["cases"]:
        for part in ("image", "label"):
            names = case[part]["file"]
            names = [names] if isinstance(names, str) else names
            yield from _faults_of_files(root, names, case[part]["sha256_file"])
        on_case(case["case"])


def _faults_of_description(run_dir: Path, summary: Mapping[str, Any], root: Path) -> Iterator[str]:
    name = load_config(run_dir / CONFIG_FILE).data.description_file
    path = root / name
    if not path.is_file():
        yield f"{name} is missing"
    elif summary["dataset_json_sha256"] not in (hash_file(path), hash_text_file(path)):
        yield f"{name} is another file than the run read"


def _faults_of_files(root: Path, names: list[str], expected: str) -> Iterator[str]:
    paths = [root / name for name in names]
    outside = [
        name
        for name, path in zip(names, paths, strict=True)
        if not path.resolve().is_relative_to(root.resolve())
    ]
    if outside:
        yield f"{outside[0]} does not lie in the data set's folder"
        return
    missing = [name for name, path in zip(names, paths, strict=True) if not path.is_file()]
    if missing:
        yield f"{missing[0]} is missing"
    elif _hash(paths) != expected:
        yield f"{names[0]} is another file than the run read"


def _hash(paths: list[Path]) -> str:
    """Return the hash of a file, or of several by theirs, as the reading of the data set does."""
    hashes = [hash_file(path) for path in paths]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
