"""Sharing a run: a copy without names and hashes, written whole and looked through, or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrail.audit.folder import find_strange
from segtrail.audit.verify import VerifyRequest, verify_run
from segtrail.dataset.names import shown_list
from segtrail.errors import CheckFailed, InputError
from segtrail.export.made_folder import is_there
from segtrail.progress import Narrator
from segtrail.record.disk import require_writable
from segtrail.record.manifest import ADDENDA, fingerprint, read_manifest
from segtrail.record.run_folder import is_shared_copy, utc_now
from segtrail.record.seal import make_read_only, read_seal
from segtrail.record.statement import require_line
from segtrail.sharing.contents import CopyContents, make_contents
from segtrail.sharing.copy_folder import folder_name, write_copy
from segtrail.sharing.salt import new_salt
from segtrail.sharing.secret import ShareSecret, keep_secret, list_secrets
from segtrail.sharing.self_check import find_leak
from segtrail.sharing.share_file import Included
from segtrail.sharing.terms import Choices
from segtrail.sharing.words import Words, collect_words

_LONGEST_RECIPIENT = 200
# The manifest, the model card and what the file system itself takes.
_ROOM_BYTES = 1_000_000


@dataclass(frozen=True)
class ShareRequest:
    """How a run is to be shared.

    Attributes:
        to: Folder in which the copy is to lie.
        choices: What goes out besides what always does.
        recipient: Whom it is for: each has a salt of their own; None for nobody in particular.
    """

    to: Path
    choices: Choices
    recipient: str | None = None


@dataclass(frozen=True)
class SharedRun:
    """A copy that lies in its place.

    Attributes:
        path: Its folder.
        fingerprint: SHA-256 of its manifest.
        contents: What is in it.
        is_new: Whether it was written now.
        ordinary: Names that are words or numbers which a copy holds anyway.
    """

    path: Path
    fingerprint: str
    contents: CopyContents
    is_new: bool
    ordinary: tuple[str, ...]

    def as_mapping(self) -> dict[str, Any]:
        """Return it as the JSON object of the command."""
        return {
            "schema_version": 1,
            "run_id": self.contents.share.run_id,
            "copy": str(self.path),
            "fingerprint": self.fingerprint,
            "written": self.is_new,
            "root": self.contents.share.data.root,
            "included": self.contents.share.included.model_dump(),
            "cases": self.contents.share.data.cases,
            "ordinary_names": list(self.ordinary),
        }

    def lines(self) -> list[str]:
        """Return it for a person."""
        there = "" if self.is_new else " (it was there already, and is the same)"
        ordinary = (
            f"Looked for only where names stand, since they are ordinary words or numbers: {shown_list(self.ordinary)}"
            if self.ordinary
            else ""
        )
        return [
            f"Shared copy: {self.path}{there}",
            f"Cases: {self.contents.share.data.cases}, under pseudonyms; which is which stands in the run's addenda",
            *filter(None, [ordinary]),
            _say_weights(self.contents.share.included.weights),
            "It is pseudonymised, not anonymous: volumes, regions and metrics of single cases are in it.",
            f"Fingerprint of the copy: {self.fingerprint}",
        ]


def share_run(run_dir: Path, request: ShareRequest, narrator: Narrator) -> SharedRun:
    """Make a copy of a sealed run for use elsewhere; the same run, recipient and choices give the same bytes.

    Args:
        run_dir: The run; what belongs to the copy comes to its addenda.
        request: How.
        narrator: Shows progress.

    Returns:
        The copy.

    Raises:
        InputError: The run is not sealed, or the place can't be used or holds something else.
        CheckFailed: The record does not hold, or something stands in the copy that must stay.
    """
    recipient = None if request.recipient is None else _recipient(request.recipient)
    _require_shareable(run_dir, request.to, narrator)
    secrets = list_secrets(run_dir)
    salt = next((one.salt_bytes for one in secrets if one.recipient == recipient), None) or new_salt()
    narrator.say(f"Making a copy of {run_dir.name} for use elsewhere", logged=False)
    contents = make_contents(run_dir, salt, request.choices)
    n_bytes = sum(map(len, contents.files.values())) + _ROOM_BYTES
    require_writable(request.to, "--output", n_bytes)
    try:
        return _place(run_dir, request.to, contents, salt, recipient, narrator)
    except OSError as error:
        raise InputError(
            f"{run_dir.name} can't be shared to {request.to}: {error.strerror or error}. No part of a copy was left."
        ) from None


def _place(
    run_dir: Path, place: Path, contents: CopyContents, salt: bytes, recipient: str | None, narrator: Narrator
) -> SharedRun:
    target = place / folder_name(contents.share.run_id)
    with _hidden_folder(place, target.name) as copy:
        write_copy(copy, contents)
        words = _look_through(run_dir, copy, salt, narrator)
        made = SharedRun(
            target, fingerprint(copy), contents, not is_there(target, copy, apart=ADDENDA), words.ordinary
        )
        _keep(run_dir, made, salt, recipient)
        if made.is_new:
            copy.rename(target)
            make_read_only(target)
    return made


def _keep(run_dir: Path, made: SharedRun, salt: bytes, recipient: str | None) -> None:
    """Keep salt and names in the run, before the copy appears: without them nobody could tell what it is."""
    known = list_secrets(run_dir)
    if any(one.copy_fingerprint == made.fingerprint for one in known):
        return
    if any(one.recipient == recipient and one.salt_bytes != salt for one in known):
        raise InputError(f"Another program shared {run_dir.name} in the meantime. Give the command again.")
    share, pseudonyms = made.contents.share, made.contents.pseudonyms
    secret = ShareSecret(
        run_id=share.run_id,
        created_utc=utc_now(),
        recipient=recipient,
        salt=salt.hex(),
        copy_fingerprint=made.fingerprint,
        root=share.data.root,
        fingerprint_commitment=share.original.fingerprint_commitment,
        included=Included(**share.included.model_dump()),
        program_sha256=share.program_sha256,
        cases=dict(pseudonyms.cases),
        groups=dict(pseudonyms.groups),
    )
    keep_secret(run_dir, secret)


def _look_through(run_dir: Path, copy: Path, salt: bytes, narrator: Narrator) -> Words:
    """Make sure that the copy is true, and search all of it for what must stay."""
    copied = {file.sha256 for file in read_manifest(copy)} | {fingerprint(copy)}
    words = collect_words(run_dir, salt, copied)
    leak = find_leak(copy, words)
    if leak is not None:
        raise CheckFailed(
            f"Nothing was shared: {leak}, as a search of the copy found. If that comes from a text that you chose to "
            "share, change it or leave it out; else please report it, without the name."
        )
    failed = [one for one in verify_run(copy, VerifyRequest(), narrator).outcomes if one.status == "fail"]
    if failed:
        raise CheckFailed(f"Nothing was shared, since the copy would not hold: {failed[0].evidence[0]}.")
    return words


def _require_shareable(run_dir: Path, place: Path, narrator: Narrator) -> None:
    if place.resolve().is_relative_to(run_dir.resolve()):
        raise InputError(
            f"{place} lies in the run itself, which nothing is added to. Choose another --output."
        )
    if is_shared_copy(run_dir):
        raise InputError(f"{run_dir.name} is a shared copy already: pass on that, or share the run itself.")
    if strange := find_strange(run_dir):
        raise _refusal(run_dir, strange[0])
    if read_seal(run_dir) is None:
        raise InputError(
            f"{run_dir.name} is not sealed, so it is not shared. `segtrail resume` ends a run that was interrupted, "
            "`segtrail seal` seals a finished one."
        )
    verification = verify_run(run_dir, VerifyRequest(), narrator)
    failed = [outcome for outcome in verification.outcomes if outcome.status == "fail"]
    if failed:
        raise _refusal(run_dir, failed[0].evidence[0])


def _refusal(run_dir: Path, fault: str) -> CheckFailed:
    return CheckFailed(
        f"{run_dir.name} is not shared, since its record does not hold: {fault}. `segtrail verify` says all."
    )


@contextmanager
def _hidden_folder(place: Path, name: str) -> Iterator[Path]:
    """Give a new folder of a name in a hidden one, which is removed with what is left there."""
    hidden = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".sharing", dir=place))
    try:
        (hidden / name).mkdir()
        yield hidden / name
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _recipient(text: str) -> str:
    return require_line(text, "--recipient", _LONGEST_RECIPIENT)


def _say_weights(is_included: bool) -> str:
    if is_included:
        return (
            "Weights: they go along. A network may hold traces of single images, which others can try to bring out; "
            "whether it may go out is for a person to decide."
        )
    return "Weights: not in it; --with-weights takes them along"
