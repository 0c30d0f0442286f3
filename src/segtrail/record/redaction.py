"""Keeping machine paths, logins and host names out of the record."""

import getpass
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

# Absolute paths that are left after the known folders were named: POSIX with two parts or more, or Windows.
_ABSOLUTE = re.compile(
    r"""(?<![\w$}{.~/:])/(?:[^\s/'":,;()\[\]]+/)+[^\s/'",;:()\[\]]*|\b[A-Za-z]:[\\/][^\s'",;]*"""
)


class Redactor:
    """Replaces machine paths by placeholders.

    Args:
        folders: Absolute folders by the name of their placeholder, for example ``data_root``.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        known = {str(path): f"${{{name}}}" for name, path in folders.items()}
        known |= {str(path.resolve()): f"${{{name}}}" for name, path in folders.items()}
        known.setdefault(str(Path.cwd()), ".")
        known.setdefault(str(Path.home()), "~")
        absolute = {path: placeholder for path, placeholder in known.items() if Path(path).is_absolute()}
        self._known = sorted(absolute.items(), key=lambda item: -len(item[0]))
        self._host = platform.node()
        self._login = _login()

    def redact(self, text: str) -> str:
        """Replace known folders, other absolute paths, and the host's name in a text."""
        for path, placeholder in self._known:
            text = placeholder.join(re.split(rf"{re.escape(path)}(?![\w.-])", text))
        text = _ABSOLUTE.sub(lambda match: f"${{path}}/{_last_part(match.group())}", text)
        if len(self._host) > 2:
            text = re.sub(rf"\b{re.escape(self._host)}\b", "${host}", text)
        if self._login:
            text = re.sub(rf"(?<=[\\/]){re.escape(self._login)}(?=[\\/]|$)", "${login}", text)
        return text

    def redact_values(self, value: Any) -> Any:
        """Redact every string inside nested mappings and lists."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {key: self.redact_values(item) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self.redact_values(item) for item in value]
        return value

    def redact_command(self, arguments: Sequence[str]) -> str:
        """Join a command line for the record; arguments with spaces are quoted."""
        redacted = [self.redact(argument) for argument in arguments]
        return " ".join(f'"{argument}"' if " " in argument else argument for argument in redacted)


def _last_part(path: str) -> str:
    kind = PureWindowsPath if "\\" in path or path[1:2] == ":" else PurePosixPath
    return kind(path).name


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
