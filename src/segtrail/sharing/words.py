"""What must not stand in a shared copy: names, hashes and paths of the run and of the machine."""

import getpass
import json
import platform
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from segtrail.dataset.names import comparable
from segtrail.errors import InputError
from segtrail.provenance.folder import FILE_NAME as PROVENANCE
from segtrail.provenance.folder import FOLDER, PACKAGES
from segtrail.record.journal import FILE_NAME as JOURNAL
from segtrail.record.journal import read_journal
from segtrail.record.local_paths import recall_data_root
from segtrail.record.manifest import ADDENDA, fingerprint, read_manifest
from segtrail.record.notes import list_notes, read_note
from segtrail.record.program_hash import program_sources
from segtrail.record.run_folder import read_json
from segtrail.record.seal import read_seal
from segtrail.record.signoff import list_signoffs, read_signoff
from segtrail.sharing.salted_root import recorded_files
from segtrail.sharing.terms import names_in, read_config

_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_NUMBER = re.compile(r"[0-9.,+\-e ]+")
_WORD = re.compile(r"\w+")
_NOBODY = frozenset({"localhost", "localdomain"})


@dataclass(frozen=True)
class Words:
    """What is looked for in a copy.

    Attributes:
        names: Of cases, groups, files, persons and machines, as ``comparable`` gives them.
        ordinary: Names that are numbers or words which a copy holds anyway; they are looked for only where names stand.
        hashes: Of data files, of files of the run that are not in the copy, of the run itself, and the salt.
        paths: Folders of this machine.
    """

    names: frozenset[str]
    ordinary: tuple[str, ...]
    hashes: frozenset[str]
    paths: tuple[str, ...]


def collect_words(run_dir: Path, salt: bytes, copied: Iterable[str]) -> Words:
    """Collect what must not stand in the copy of a run.

    Args:
        run_dir: The run.
        salt: The salt of the copy.
        copied: Hashes of the files of the copy; what is the same in both is no secret of the run.
    """
    ordinary_text = comparable(" ".join(_ordinary_texts(run_dir)))
    found = {comparable(name): name for name in _names(run_dir) if name.strip()}
    folders = {
        text
        for path in _folders(run_dir)
        if path != Path(path.anchor)
        for text in (str(path), path.as_posix())
    }
    ordinary = [key for key in found if _is_ordinary(key, ordinary_text)]
    return Words(
        names=frozenset(found.keys() - set(ordinary)),
        ordinary=tuple(sorted(found[key] for key in ordinary)),
        hashes=frozenset({*_hashes(run_dir), salt.hex()} - set(copied)),
        paths=tuple(sorted(path for path in folders if not holds_phrase(ordinary_text, comparable(path)))),
    )


def tokens_of(text: str) -> set[str]:
    """Return the words of a text, underscores in them included."""
    return set(_WORD.findall(text))


def is_word(name: str) -> bool:
    """Tell whether a name is one word, which ``tokens_of`` finds."""
    return _WORD.fullmatch(name) is not None


def holds_phrase(text: str, phrase: str) -> bool:
    """Tell whether a text holds a phrase that neither begins nor ends within a word."""
    place = text.find(phrase)
    while place >= 0:
        around = text[place - 1 : place] + text[place + len(phrase) :][:1]
        if not _WORD.search(around):
            return True
        place = text.find(phrase, place + 1)
    return False


def hashes_in(text: str) -> set[str]:
    """Return the hashes in a text, in lower case."""
    return set(_HASH.findall(text.lower()))


def _is_ordinary(name: str, text: str) -> bool:
    return bool(_NUMBER.fullmatch(name)) or holds_phrase(text, name)


def _ordinary_texts(run_dir: Path) -> Iterator[str]:
    """Give the texts that a copy holds whatever the names are: the program's, of packages and of the machine."""
    yield from (
        content.decode("utf-8", "replace")
        for name, content in program_sources().items()
        if not name.endswith(".bib")  # authors are persons, and one of a run may have such a name
    )
    summary, run = read_json(run_dir / "dataset_summary.json"), read_json(run_dir / "run.json")
    yield from (str(name) for key in ("labels", "modality") for name in summary[key].values())
    yield from (read_config(run_dir).get("stages") or {})
    yield from _texts_in([run.get("device"), str((run.get("environment") or {}).get("os")).partition(" ")[0]])
    folder = run_dir / FOLDER
    if (folder / PACKAGES).is_file():
        yield from _texts_in(read_json(folder / PACKAGES, run_dir.name)["packages"])
    if (folder / PROVENANCE).is_file():
        machine = dict(read_json(folder / PROVENANCE, run_dir.name)["machine"])
        machine["system"] = {
            **machine.get("system", {}),
            "release": "",
        }  # a kernel may be named after its host
        yield from _texts_in(machine)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts_in(item)


def _names(run_dir: Path) -> Iterator[str]:
    names = names_in(run_dir)
    yield from (*names.cases, *names.groups)
    for file in recorded_files(run_dir):
        if file.role != "description":  # dataset.json is called so everywhere
            for path in file.paths:
                yield from (path, PurePosixPath(path).name, PurePosixPath(path).name.partition(".")[0])
    yield from _persons(run_dir)
    yield from _machine_names()


def _persons(run_dir: Path) -> Iterator[str]:
    journals = [path for path in (run_dir / JOURNAL, run_dir / ADDENDA / JOURNAL) if path.is_file()]
    actors = {entry.actor for path in journals for entry in read_journal(path)}
    yield from filter(None, [read_json(run_dir / "run.json").get("operator"), *actors])
    yield from filter(None, [(read_config(run_dir).get("project") or {}).get("operator")])
    yield from filter(None, (read_note(path).written_by for path in list_notes(run_dir)))
    yield from (read_signoff(path).name for path in list_signoffs(run_dir))


def _machine_names() -> Iterator[str]:
    host = platform.node()
    yield from {host, host.partition(".")[0]} - _NOBODY
    try:
        yield getpass.getuser()
    except (OSError, KeyError, ImportError):
        return


def _hashes(run_dir: Path) -> Iterator[str]:
    summary = (run_dir / "dataset_summary.json").read_text(encoding="utf-8")
    yield from hashes_in(summary)
    yield from (file.sha256 for file in read_manifest(run_dir))
    yield fingerprint(run_dir)
    seal = read_seal(run_dir)
    if seal is not None:
        yield seal.sha256


def _folders(run_dir: Path) -> Iterator[Path]:
    yield from (run_dir.resolve(), Path.cwd(), run_dir.resolve().parent.parent)
    data_root = recall_data_root(run_dir)
    if data_root is not None:
        yield data_root
    try:
        yield Path.home()
    except (RuntimeError, InputError):
        return


def spellings(name: str) -> set[bytes]:
    """Return a name in the bytes of UTF-8, its accents within letters and apart."""
    return {unicodedata.normalize(form, name).encode("utf-8") for form in ("NFC", "NFD")}


def texts_of_json(content: bytes) -> Iterator[str]:
    """Give the texts of a JSON file, its keys included, with their escapes resolved."""
    yield from _texts_in(json.loads(content))
