"""Writing a run as a crate: a copy of its files in a folder of their own, and the description beside it."""

from pathlib import Path
from typing import Any

from segtrail.audit.files import check_files
from segtrail.errors import CheckFailed, InputError
from segtrail.export.extras import import_extra
from segtrail.export.ro_crate.description import (
    ACTION,
    DATA_SET,
    TERMS,
    VERSION,
    action_properties,
    contextual_entities,
    has_data_set,
    references,
    root_properties,
)
from segtrail.export.ro_crate.run_files import RunFile, list_run_files
from segtrail.record.hashing import copy_and_hash
from segtrail.record.manifest import FILE_NAME as MANIFEST
from segtrail.report.run_contents import RunContents, read_run

_EXTRA = "ro-crate"


def room_of_crate(folder: Path) -> int:
    """Return how many bytes the files of a run take that go along.

    Raises:
        InputError: It holds a link.
    """
    return sum((folder / file.name).stat().st_size for file in list_run_files(folder))


def export_ro_crate(folder: Path, target: Path) -> dict[str, Any]:
    """Write a run as an RO-Crate of the profile Process Run Crate.

    Everything in it comes from the record, so that the same run gives the same bytes.

    Args:
        folder: The folder of a run, finished or not, of a record of another program, or of a shared copy.
        target: A new folder; the run comes to a folder in it that is named like it.

    Returns:
        ``run_folder``, the name of that folder, how many ``files`` are in it, and their ``bytes``.

    Raises:
        InputError: The package is not installed, or a file of the run is missing, damaged or a link.
        CheckFailed: The files are not those of the manifest.
    """
    rocrate = import_extra("rocrate.rocrate", _EXTRA)
    contents = read_run(folder)
    crate = _Crate(rocrate.ROCrate(version=VERSION), target, contents)
    for file in list_run_files(folder):
        crate.add_file(file)
    _require_whole(target / folder.name)
    crate.write()
    return {"run_folder": folder.name, "files": crate.n_files, "bytes": crate.n_bytes}


class _Crate:
    """A crate in the making.

    Args:
        crate: The library's.
        target: The folder that it will lie in.
        contents: The run.
    """

    def __init__(self, crate: Any, target: Path, contents: RunContents) -> None:
        self._crate, self._target, self._contents = crate, target, contents
        self._ids: dict[str, str] = {}
        self._inputs: list[str] = []
        self._results: list[str] = []
        self._run = crate.add_dataset(
            dest_path=f"{contents.folder.name}/",
            properties={
                "name": contents.run.run_id,
                "description": "The files of the run as they are; `segtrail verify` proves this folder true.",
            },
        )
        self.n_bytes = 0

    @property
    def n_files(self) -> int:
        """How many files of the run were added."""
        return len(self._ids)

    def add_file(self, file: RunFile) -> None:
        """Copy a file of the run and describe it.

        Raises:
            InputError: It can't be read, or the copy not written.
        """
        name = f"{self._contents.folder.name}/{file.name}"
        copied = self._target / name
        sha256 = _copy(self._contents.folder / file.name, copied)
        properties = {
            "name": file.name,
            "description": file.description,
            "encodingFormat": file.encoding_format,
            "contentSize": str(copied.stat().st_size),
            "sha256": sha256,
        }
        # The library finds the file where it would copy it to, and leaves it.
        entity = self._crate.add_file(copied, dest_path=name, properties=properties)
        self._ids[file.name] = entity.id
        self.n_bytes += copied.stat().st_size
        if file.part == "input":
            self._inputs.append(entity.id)
        elif file.part == "result":
            self._results.append(entity.id)

    def write(self) -> None:
        """Describe the run and write ``ro-crate-metadata.json``."""
        contextual = import_extra("rocrate.model.contextentity", _EXTRA).ContextEntity
        for described in contextual_entities(self._contents, self._ids):
            self._crate.add(contextual(self._crate, described.id, properties=dict(described.properties)))
        inputs = [*self._inputs, *([DATA_SET] if has_data_set(self._contents) else [])]
        action = action_properties(self._contents, inputs, self._results)
        self._crate.add(contextual(self._crate, ACTION, properties=action))
        for key, value in root_properties(self._contents).items():
            self._crate.root_dataset[key] = value
        self._crate.root_dataset["hasPart"] = references([self._run.id])
        self._run["hasPart"] = references(list(self._ids.values()))
        self._crate.metadata.extra_terms.update(TERMS)
        self._crate.write(self._target)


def _copy(source: Path, target: Path) -> str:
    """Copy a file and return its SHA-256."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as read, target.open("xb") as written:
            return copy_and_hash(read, written)
    except FileNotFoundError:
        raise InputError(
            f"{source}, a file of the run, went away while it was copied. Wait until nothing works in the run, and "
            "give the command again."
        ) from None
    except OSError as error:
        raise InputError(
            f"{source} can't be copied: {error.strerror or error}. No part of a crate was left."
        ) from None


def _require_whole(copied_run: Path) -> None:
    """Compare the copied files with the manifest, where the run has one."""
    if not (copied_run / MANIFEST).is_file():
        return
    outcome = check_files(copied_run)
    if outcome.status == "fail":
        raise CheckFailed(
            f"Nothing was exported, since the files of {copied_run.name} are not those on record: "
            f"{outcome.evidence[0]}. `segtrail verify` says all."
        )
