"""Keeping machine paths, logins and host names out of the record."""

import getpass
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

# A path begins a text or follows one of these; anywhere else a slash parts the words of a relative one.
_START = r"""(?:(?<![^\s'"=(\[,;:<>|])|(?<=file://))"""
# Absolute paths that are left after the known folders were named: POSIX with two parts or more, Windows with
# a drive letter, and network shares. Within quotes they may hold spaces.
_QUOTED = re.compile(r"""(?P<quote>['"])(?:/[^/'"]+/|[A-Za-z]:[\\/]|\\\\)[^'"]*(?P=quote)""")
_ABSOLUTE = re.compile(
    _START + r"""(?:/(?:[^\s/'":,;()\[\]]+/)+[^\s/'",;:()\[\]]*|[A-Za-z]:[\\/][^\s'",;]*|\\\\[^\s'",;]+)"""
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
        absolute = {
            path: placeholder
            for path, placeholder in known.items()
            if Path(path).is_absolute() and path != Path(path).anchor
        }
        self._known = sorted(absolute.items(), key=lambda item: -len(item[0]))
        host = platform.node()
        self._hosts = [name for name in (host, host.partition(".")[0]) if len(name) > 2]
        self._login = _login()

    def redact(self, text: str) -> str:
        """Replace known folders, other absolute paths, and the host's name in a text."""
        for path, placeholder in self._known:
            text = placeholder.join(re.split(rf"{_START}{re.escape(path)}(?![\w-]|\.\w)", text))
        text = _QUOTED.sub(
            lambda match: "{0}${{path}}/{1}{0}".format(match["quote"], _last_part(match.group()[1:-1])), text
        )
        text = _ABSOLUTE.sub(lambda match: f"${{path}}/{_last_part(match.group())}", text)
        for host in self._hosts:
            text = re.sub(rf"\b{re.escape(host)}\b", "${host}", text)
        if self._login:
            text = re.sub(rf"(?<=[\\/]){re.escape(self._login)}(?![\w-])", "${login}", text)
        return text

    def redact_values(self, value: Any) -> Any:
        """Redact every string inside nested mappings and lists."""
        if isinstance(value, str):
            return value if value in self._hosts else self.redact(value)  # a word such as auto or fast
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
