"""The configuration that a command line gives, and the options that commands of training share."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segtrail.errors import InputError

if TYPE_CHECKING:
    from segtrail.config.schema import Config

ConfigFile = Annotated[
    str | None, typer.Argument(metavar="CONFIG", help="The configuration file.", show_default=False)
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY.SUB=VALUE", help="Keys to change for this run.", show_default=False),
]
ConfigOption = Annotated[Path | None, typer.Option(help="The configuration file, as the runbook gives it.")]
Data = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the data lie, in place of paths.data_root.")
]
AllowDifferent = Annotated[
    bool,
    typer.Option(
        "--allow-different",
        help="Go on although threads, device, versions, code or data are others; the run is marked so.",
    ),
]
Note = Annotated[str, typer.Option(help="A remark for the record.")]


@dataclass(frozen=True)
class GivenConfig:
    """A configuration file and the keys that the command line changes."""

    path: Path
    changes: list[str]

    @property
    def words(self) -> list[str]:
        """The words of the command line."""
        return [str(self.path), *self.changes]

    def load(self, paths: dict[str, Path | None]) -> "Config":
        """Read the configuration, with this machine's paths and those that options name."""
        from segtrail.config.load import load_config
        from segtrail.record.local_paths import fill_in_placeholders

        moved = [
            f"paths.{key}={json.dumps(str(path), ensure_ascii=False)}"
            for key, path in paths.items()
            if path is not None
        ]
        changes = [*self.changes, *moved]
        changed = {change.partition("=")[0].strip() for change in changes}
        return fill_in_placeholders(load_config(self.path, changes), self.path, changed)


def given_config(
    example: str, option: Path | None, argument: str | None, overrides: list[str]
) -> GivenConfig:
    """Tell the configuration file from the overrides; the runbook gives it as an option."""
    if option is not None:
        return GivenConfig(option, [*([argument] if argument else []), *overrides])
    if argument is None or "=" in argument:
        raise InputError(f"Which configuration? For example: segtrail {example}")
    return GivenConfig(Path(argument), overrides)


def option_words(given: dict[str, Any]) -> list[str]:
    """Return the options that were given as words of a command line."""
    return [word for name, value in given.items() if value for word in (name, str(value))]


def refuse_settings(given: list[str], what: str) -> None:
    """A run or a cross-validation goes on with the settings that it began with."""
    if given:
        raise InputError(
            f"--resume goes on with the settings that the {what} began with, so {', '.join(given)} can't be "
            f"given with it. Leave them out, or begin another {what}."
        )
