"""Checkpoints: atomic, made of tensors and plain values alone, so that they open with ``weights_only=True``."""

import hashlib
import io
import pickle
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from segtrail.atomic import replace_file, write_bytes
from segtrail.errors import InputError
from segtrail.record.hashing import hash_file
from segtrail.version import __version__

CHECKPOINT_VERSION = 1
FINDERS = "finders"
_NEXT_BEST = "best_next.pt"


class CheckpointFolder:
    """The checkpoints of a run: ``best.pt`` and ``last.pt``.

    A resume believes ``last.pt``, so it is written last. A new ``best.pt`` waits under another name until a
    ``last.pt`` knows its hash: whenever the program is killed, the one that ``last.pt`` knows is there.

    Args:
        path: The folder; it must exist.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._best_sha256: str | None = None

    def save(
        self, content: Mapping[str, Any], resume_point: Mapping[str, Any], *, is_best: bool = False
    ) -> dict[str, str]:
        """Write ``last.pt``, and ``best.pt`` where these weights are to be kept.

        Args:
            content: What both hold.
            resume_point: What only ``last.pt`` holds.
            is_best: Whether to write ``best.pt`` too.

        Returns:
            The SHA-256 of each file that was written, by its name.
        """
        if is_best:
            self._best_sha256 = save_checkpoint(self.path / _NEXT_BEST, content)
        last = {**content, **resume_point, "best_sha256": self._best_sha256}
        written = {"last.pt": save_checkpoint(self.path / "last.pt", last)}
        if is_best:
            replace_file(self.path / _NEXT_BEST, self.path / "best.pt")
            written["best.pt"] = str(self._best_sha256)
        return written

    def save_finder(self, name: str, weights: Mapping[str, Any]) -> str:
        """Write the weights of a network whose training has ended and that the next one's training needs.

        Args:
            name: Its name; the file is ``finders/NAME.pt``.
            weights: Its weights.

        Returns:
            The SHA-256 of the file.
        """
        folder = self.path / FINDERS
        folder.mkdir(exist_ok=True)
        return save_checkpoint(folder / f"{name}.pt", {"stage": name, "networks": {name: dict(weights)}})

    def roll_back(self, best_sha256: str | None) -> None:
        """Bring ``best.pt`` back to what ``last.pt`` knows.

        Args:
            best_sha256: The hash that ``last.pt`` holds; None where it knows of none.

        Raises:
            InputError: There is no such ``best.pt``.
        """
        waiting, best = self.path / _NEXT_BEST, self.path / "best.pt"
        if best_sha256 is None:
            best.unlink(missing_ok=True)
        elif waiting.exists() and hash_file(waiting) == best_sha256:
            replace_file(waiting, best)
        elif not best.exists() or hash_file(best) != best_sha256:
            raise InputError(
                f"{self.path.name}/best.pt is not the one that last.pt knows: it was changed or removed. Bring it "
                "back, or train anew."
            )
        waiting.unlink(missing_ok=True)
        self._best_sha256 = best_sha256


def save_checkpoint(path: Path, content: Mapping[str, Any]) -> str:
    """Write a checkpoint.

    The bytes depend on the content alone: through a path, torch would put the file's name into them.

    Args:
        path: File to write.
        content: Tensors and plain values; ``schema_version`` and ``segtrail_version`` are added.

    Returns:
        The SHA-256 of its bytes.
    """
    stream = io.BytesIO()
    header = {"schema_version": CHECKPOINT_VERSION, "segtrail_version": __version__}
    torch.save({**header, **content}, stream)
    written = stream.getvalue()
    write_bytes(path, written)
    return hashlib.sha256(written).hexdigest()


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
    except (OSError, RuntimeError, EOFError, ValueError, LookupError) as error:
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
