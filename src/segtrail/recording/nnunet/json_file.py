"""Reading nnU-Net's JSON files, which may be damaged or made to do harm."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.names import shown
from segtrail.errors import InputError

_MOST_BYTES = 64_000_000


def read_json(path: Path, root: Path) -> Any:
    """Read a JSON file; numbers that are not finite, which nnU-Net writes as NaN, become None.

    Args:
        path: The file.
        root: The folder that it must lie in, links followed.

    Returns:
        What it says, plain values alone.

    Raises:
        InputError: It is missing, leads out of its folder, is too large or no JSON.
    """
    if not is_file_inside(path, root):
        raise InputError(f"There is no file {path.name} in {root.name}.")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path.name} in {root.name} is larger than {_MOST_BYTES // 1_000_000} MB.")
        return _plain(json.loads(path.read_bytes().decode("utf-8-sig")))
    except OSError as error:
        raise InputError(f"{path.name} in {root.name} can't be read: {error.strerror}.") from None
    except RecursionError:
        raise InputError(f"{path.name} in {root.name} is nested too deep.") from None
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError among them
        raise InputError(f"{path.name} in {root.name} is not valid JSON: {shown(str(error))}.") from None


def read_mapping(path: Path, root: Path) -> Mapping[str, Any]:
    """Read a JSON file that holds a mapping; see ``read_json``.

    Raises:
        InputError: It can't be read, or holds something else.
    """
    content = read_json(path, root)
    if not isinstance(content, dict):
        raise InputError(f"{path.name} in {root.name} holds no mapping of names to values.")
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_writable(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return _writable(value) if isinstance(value, str) else value


def _writable(text: str) -> str:
    """Replace halves of characters, which JSON can name but no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
