"""Reading the JSON of a ``dataset.json``, which may be damaged or made to do harm."""

import json
import stat
from pathlib import Path
from typing import Any

from segtrail.dataset.msd import how_to_get
from segtrail.dataset.names import shown
from segtrail.errors import InputError


def read_description_file(root: Path, file_name: str) -> tuple[bytes, Any]:
    """Read a data set's description.

    Args:
        root: Folder of the data set.
        file_name: Name of the description inside it.

    Returns:
        The bytes of the file, and what they say.

    Raises:
        InputError: The file is missing, no ordinary file, no JSON, or holds a key twice.
    """
    raw = _read(root / file_name, root)
    try:
        return raw, json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_mapping_of(file_name))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{file_name} of the data set is not valid JSON: {error}.") from None
    except RecursionError:
        raise InputError(f"{file_name} of the data set is nested too deep to be a description.") from None
    except ValueError:  # Python reads no numbers of thousands of digits
        raise InputError(
            f"{file_name} of the data set holds a number of thousands of digits; expected a description."
        ) from None


def _mapping_of(file_name: str) -> Any:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                raise InputError(
                    f'{file_name} of the data set names "{shown(key)}" twice in one place, so that it is unclear '
                    "which counts. Take one of them out."
                )
            content[key] = value
        return content

    return mapping


def _read(path: Path, root: Path) -> bytes:
    try:
        if not root.is_dir():
            raise InputError(
                f"There is no data set folder {root}. Check paths.data_root, or say where the data lie."
                f"{how_to_get(root)}"
            )
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):  # reading a pipe or device may never end
            what = "a folder" if stat.S_ISDIR(kind) else "a pipe or a device"
            raise InputError(f"{path} can't be read: it is {what}; expected a file.")
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"The data set folder {root} has no {path.name}. Expected the decathlon layout: "
            f"{path.name} beside imagesTr/ and labelsTr/."
        ) from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from None
