"""Checkpoints: atomic, made of tensors and plain values alone, so that they open with ``weights_only=True``."""

import hashlib
import io
import pickle
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import torch

from segtrail.atomic import replace_file, write_bytes, written_whole
from segtrail.errors import InputError
from segtrail.record.hashing import hash_file
from segtrail.version import __version__

CHECKPOINT_VERSION = 1
FINDERS = "finders"
_NEXT_BEST, _NEXT_LAST = "best_next.pt", "last_next.pt"
# Hears of the SHA-256 of each file, by its name, before that counts.
Announce = Callable[[dict[str, str]], None]


class CheckpointFolder:
    """The checkpoints of a run: ``best.pt`` and ``last.pt``.

    A resume believes ``last.pt``, so it is written last. A new ``best.pt`` waits under another name until a
    ``last.pt`` knows its hash: whenever the program is killed, the one that ``last.pt`` knows is there. Both wait until
    the journal knows their hashes, so that no checkpoint is there which it does not know.

    Args:
        path: The folder; it must exist.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._best_sha256: str | None = None

    def save(
        self,
        content: Mapping[str, Any],
        resume_point: Mapping[str, Any],
        announce: Announce,
        *,
        is_best: bool = False,
    ) -> None:
        """Write ``last.pt``, and ``best.pt`` where these weights are to be kept.

        Args:
            content: What both hold.
            resume_point: What only ``last.pt`` holds.
            announce: Writes their hashes into the journal.
            is_best: Whether to write ``best.pt`` too.
        """
        written = {}
        if is_best:
            self._best_sha256 = save_checkpoint(self.path / _NEXT_BEST, content)
            written["best.pt"] = self._best_sha256
        last = {**content, **resume_point, "best_sha256": self._best_sha256}
        written["last.pt"] = save_checkpoint(self.path / _NEXT_LAST, last)
        announce(written)
        replace_file(self.path / _NEXT_LAST, self.path / "last.pt")
        if is_best:
            replace_file(self.path / _NEXT_BEST, self.path / "best.pt")

    def save_finder(self, name: str, weights: Mapping[str, Any], announce: Announce) -> None:
        """Write the weights of a network whose training has ended and that the next one's training needs.

        Args:
            name: Its name; the file is ``finders/NAME.pt``.
            weights: Its weights.
            announce: Writes its hash into the journal.
        """
        folder = self.path / FINDERS
        folder.mkdir(exist_ok=True)
        content = serialise_checkpoint({"stage": name, "networks": {name: dict(weights)}})
        announce({name: hashlib.sha256(content).hexdigest()})
        write_bytes(folder / f"{name}.pt", content)

    def require_best(self, best_sha256: str | None) -> None:
        """Make sure that the ``best.pt`` which ``last.pt`` knows is there.

        Args:
            best_sha256: The hash that ``last.pt`` holds; None where it knows of none.

        Raises:
            InputError: It is not.
        """
        candidates = (self.path / _NEXT_BEST, self.path / "best.pt")
        if best_sha256 is not None and not any(
            path.exists() and hash_file(path) == best_sha256 for path in candidates
        ):
            raise InputError(
                f"{self.path.name}/best.pt is not the one that last.pt knows: it was changed or removed. Bring it "
                "back, or train anew."
            )

    def roll_back(self, best_sha256: str | None) -> None:
        """Bring ``best.pt`` back to what ``last.pt`` knows.

        Args:
            best_sha256: The hash that ``last.pt`` holds; None where it knows of none.

        Raises:
            InputError: There is no such ``best.pt``.
        """
        self.require_best(best_sha256)
        waiting, best = self.path / _NEXT_BEST, self.path / "best.pt"
        if best_sha256 is None:
            best.unlink(missing_ok=True)
        elif waiting.exists() and hash_file(waiting) == best_sha256:
            replace_file(waiting, best)
        waiting.unlink(missing_ok=True)
        (self.path / _NEXT_LAST).unlink(missing_ok=True)
        self._best_sha256 = best_sha256


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> str:
    """Write a checkpoint; its bytes are never in the memory as a whole.

    Args:
        path: File to write.
        content: Tensors and plain values; ``schema_version`` and ``segtrail_version`` are added.

    Returns:
        The SHA-256 of its bytes.
    """
    with written_whole(path) as stream:
        hashed = _HashedStream(stream)
        _write_checkpoint(hashed, content)
    return hashed.sha256


class _HashedStream:
    """Writes on, and hashes what it writes; torch writes a checkpoint from its first byte to its last."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, content: bytes) -> int:
        self._digest.update(content)
        return self._stream.write(content)

    def flush(self) -> None:
        self._stream.flush()


def serialise_checkpoint(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a checkpoint, which depend on the content alone."""
    stream = io.BytesIO()
    _write_checkpoint(stream, content)
    return stream.getvalue()


def _write_checkpoint(stream: "io.BytesIO | _HashedStream", content: Mapping[str, Any]) -> None:
    """Write into a stream; through a path, torch would put the file's name into the bytes."""
    header = {"schema_version": CHECKPOINT_VERSION, "segtrail_version": __version__}
    torch.save({**header, **content}, stream)  # type: ignore[arg-type]


def hash_tensors(path: Path) -> str:
    """Return a SHA-256 over the tensors of a checkpoint, each with its name, type and shape, whatever else it holds.

    Args:
        path: The file.

    Raises:
        InputError: It is no checkpoint.
    """
    digest = hashlib.sha256()
    for name, tensor in _tensors_in(load_checkpoint(path), ""):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _tensors_in(value: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            yield from _tensors_in(value[key], f"{name}/{key}")
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from _tensors_in(part, f"{name}/{place}")


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; nothing but tensors and plain values is ever loaded.

    Args:
        path: The file.

    Returns:
        Its content, tensors on the CPU.

    Raises:
        InputError: The file is missing, damaged, holds anything else, or is of another version.
    """
    name = f"{path.parent.name}/{path.name}"
    _require_whole(path, name)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{name} is no checkpoint of segtrail: it holds more than tensors and plain values."
        ) from None
    except Exception as error:  # whoever made up the file chose what reading it raises
        raise InputError(f"{name} is damaged and can't be read ({type(error).__name__}).") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != CHECKPOINT_VERSION:
        raise InputError(
            f"{name} has schema_version {version}; this segtrail reads version {CHECKPOINT_VERSION}."
        )
    return dict(content)


def _require_whole(path: Path, name: str) -> None:
    """Compare every part of the file with its checksum, which torch itself does not."""
    try:
        with zipfile.ZipFile(path) as archive:
            folders = [part.filename for part in archive.infolist() if part.external_attr & 0x10]
            damaged = archive.testzip() or next(iter(folders), None)  # torch leaves a folder's memory unset
    except FileNotFoundError:
        raise InputError(f"There is no checkpoint {name} in this run.") from None
    except PermissionError as error:
        raise InputError(f"{name} can't be read: {error.strerror}.") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        LookupError,
    ) as error:
        raise InputError(f"{name} is damaged or no checkpoint: {error}.") from None
    if damaged is not None:
        raise InputError(f"{name} is damaged: its part {damaged} fails its checksum.")
