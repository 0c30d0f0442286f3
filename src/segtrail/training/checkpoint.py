"""Checkpoints: atomic, made of tensors and plain values alone, so that they open with ``weights_only=True``."""

import io
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from segtrail.atomic import write_bytes
from segtrail.errors import InputError
from segtrail.version import __version__

CHECKPOINT_VERSION = 1


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint.

    The bytes depend on the content alone: through a path, torch would put the file's name into them.

    Args:
        path: File to write.
        content: Tensors and plain values; ``schema_version`` and ``segtrail_version`` are added.
    """
    stream = io.BytesIO()
    header = {"schema_version": CHECKPOINT_VERSION, "segtrail_version": __version__}
    torch.save({**header, **content}, stream)
    write_bytes(path, stream.getvalue())


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
