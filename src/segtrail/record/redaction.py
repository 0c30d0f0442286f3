"""Keeping machine paths, logins and host names out of the record."""

import getpass
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

# A path begins a text or follows one of these; anywhere else a slash parts the words of a relative one.
_START = r"""(?:(?<![^\s'"`“”‘’«»=(\[{,;:<>|])|(?<=file://))"""
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
        """Replace known folders, other absolute paths, the host's name and the login in a text."""
        return self._replace_login(self._replace_hosts(self._replace_paths(text)))

    def redact_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Redact a configuration, so that it stays valid.

        Names of hosts are taken out of the free text under ``project`` alone: elsewhere a host may be called like
        a value.
        """
        project = {key: self.redact(text) if text else text for key, text in config["project"].items()}
        return {
            **{section: self._redact_values(values) for section, values in config.items()},
            "project": project,
        }

    def redact_command(self, arguments: Sequence[str]) -> str:
        """Join a command line for the record; arguments with spaces are quoted."""
        redacted = [
            self.redact(argument) if before == "--note" else self._redact_argument(argument)
            for before, argument in zip(["", *arguments], arguments, strict=False)
        ]
        return " ".join(f'"{argument}"' if " " in argument else argument for argument in redacted)

    def redact_path(self, path: Path) -> str:
        """Return a path for the record, with slashes on every system; a relative one stays as it was given."""
        if _is_absolute(str(path)):
            return self._replace_hosts(self._redact_path(str(path))).replace("\\", "/")
        return self._replace_login(path.as_posix())

    def _redact_argument(self, argument: str) -> str:
        key, sign, value = argument.partition("=")
        if sign and _is_absolute(value):
            return f"{key}={self._replace_hosts(self._redact_path(value))}"
        if _is_absolute(argument):
            return self._replace_hosts(self._redact_path(argument))
        return self.redact(argument)

    def _redact_values(self, value: Any) -> Any:
        """Redact paths in every string inside nested mappings and lists."""
        if isinstance(value, str):
            return (
                self._redact_path(value)
                if _is_absolute(value)
                else self._replace_login(self._replace_paths(value))
            )
        if isinstance(value, Mapping):
            return {key: self._redact_values(item) for key, item in value.items()}
        if isinstance(value, Sequence):
            return [self._redact_values(item) for item in value]
        return value

    def _redact_path(self, path: str) -> str:
        """Replace a text that is one absolute path, blanks in it included."""
        known = self._replace_known(path)
        return self._replace_login(f"${{path}}/{_last_part(known)}" if _is_absolute(known) else known)

    def _replace_hosts(self, text: str) -> str:
        for host in self._hosts:
            text = re.sub(rf"\b{re.escape(host)}\b", "${host}", text)
        return text

    def _replace_login(self, text: str) -> str:
        if not self._login:
            return text
        return re.sub(rf"(?<=[\\/]){re.escape(self._login)}(?![\w-])", "${login}", text)

    def _replace_known(self, text: str) -> str:
        for path, placeholder in self._known:
            text = placeholder.join(re.split(rf"{_START}{re.escape(path)}(?![\w-]|\.\w)", text))
        return text

    def _replace_paths(self, text: str) -> str:
        text = _QUOTED.sub(
            lambda match: "{0}${{path}}/{1}{0}".format(match["quote"], _last_part(match.group()[1:-1])),
            self._replace_known(text),
        )
        return _ABSOLUTE.sub(lambda match: f"${{path}}/{_last_part(match.group())}", text)


def _is_absolute(text: str) -> bool:
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()


def _last_part(path: str) -> str:
    kind = PureWindowsPath if "\\" in path or path[1:2] == ":" else PurePosixPath
    return kind(path).name


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
