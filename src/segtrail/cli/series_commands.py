"""Commands that train several runs that belong together: cv, seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.given_config import (
    ConfigFile,
    ConfigOption,
    Data,
    Note,
    Overrides,
    given_config,
    option_words,
    refuse_settings,
)
from segtrail.cli.signing_commands import Key, sign_ended_run, signing_key

_DEFAULT_FOLDS = 5
_DEFAULT_SEEDS = 5


def cv(
    config_file: ConfigFile = None,
    overrides: Overrides = None,
    config: ConfigOption = None,
    data: Data = None,
    folds: Annotated[
        int | None, typer.Option(help=f"How many; default: {_DEFAULT_FOLDS}.", show_default=False)
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="CV",
            help="Go on with a cross-validation: its folder, its ID, or `latest`.",
            show_default=False,
        ),
    ] = None,
    note: Note = "",
    output_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for runs/ and cv/, in place of paths.output_root; with --resume, where cv/ lies.",
            show_default=False,
        ),
    ] = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Cross-validate: train a run for each fold, signed where there is a key, and pool the results of all cases."""
    size = _Size("--folds", folds, _DEFAULT_FOLDS)
    given = _Given(config_file, overrides or [], config, data, resume, note, output_root, key)
    _carry_out("cv", "cross-validation", size, given, _cross_validation, as_json=as_json)


def seeds(
    config_file: ConfigFile = None,
    overrides: Overrides = None,
    config: ConfigOption = None,
    data: Data = None,
    n: Annotated[
        int | None,
        typer.Option(
            "--n", help=f"How many, counted from train.seed; default: {_DEFAULT_SEEDS}.", show_default=False
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="SEEDS",
            help="Go on with a series of seeds: its folder, its ID, or `latest`.",
            show_default=False,
        ),
    ] = None,
    note: Note = "",
    output_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for runs/ and seeds/, in place of paths.output_root; with --resume, where seeds/ lies.",
            show_default=False,
        ),
    ] = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Train the same with several seeds, and tell how much of the result is chance."""
    size = _Size("--n", n, _DEFAULT_SEEDS)
    given = _Given(config_file, overrides or [], config, data, resume, note, output_root, key)
    _carry_out("seeds", "series of seeds", size, given, _series_of_seeds, as_json=as_json)


@dataclass(frozen=True)
class _Size:
    """How many runs a series has."""

    option: str
    given: int | None
    default: int


@dataclass(frozen=True)
class _Given:
    """What the command line of a series says."""

    config_file: str | None
    overrides: list[str]
    config: Path | None
    data: Path | None
    resume: str | None
    note: str
    output_root: Path | None
    key: Path | None


@dataclass(frozen=True)
class _Work:
    """What finds, begins and goes on with one kind of series."""

    folder: Any
    begin: Callable[..., Any]
    go_on: Callable[..., Any]


def _cross_validation() -> _Work:
    from segtrail.cross_validation.cross_validate import cross_validate, resume_cross_validation
    from segtrail.record.cross_validation import CrossValidationFolder

    return _Work(CrossValidationFolder, cross_validate, resume_cross_validation)


def _series_of_seeds() -> _Work:
    from segtrail.record.seeds import SeedsFolder
    from segtrail.seed_series.repeat_seeds import repeat_with_seeds, resume_seeds

    return _Work(SeedsFolder, repeat_with_seeds, resume_seeds)


def _carry_out(
    command: str, title: str, size: _Size, given: _Given, work: Callable[[], _Work], *, as_json: bool
) -> None:
    """Begin a series, or go on with one, and print what came of it."""
    with sentences_for_errors(as_json) as answers:
        train = _go_on if given.resume is not None else _begin
        sign_run = partial(sign_ended_run, key=signing_key(given.key), as_json=as_json)
        result = train(command, title, size, given, work, narrator_for(as_json), sign_run)
        if as_json:
            print_json(result.as_mapping(), answers)
        else:
            for line in result.table():
                typer.echo(line)


def _begin(
    command: str, _: str, size: _Size, given: _Given, work: Callable[[], _Work], *listeners: Any
) -> Any:
    narrator, sign_run = listeners
    chosen = given_config(f"{command} configs/quick.yaml", given.config, given.config_file, given.overrides)
    settings = chosen.load({"data_root": given.data, "output_root": given.output_root})
    n_runs = size.default if size.given is None else size.given
    words = ["segtrail", command, *chosen.words, *_options(given, {size.option: n_runs})]
    return work().begin(settings, n_runs, narrator, given.note, words, sign_run)


def _go_on(
    command: str, title: str, size: _Size, given: _Given, work: Callable[[], _Work], *listeners: Any
) -> Any:
    narrator, sign_run = listeners
    given_too = [*filter(None, [given.config, given.config_file]), *given.overrides]
    given_too += [*([size.option] if size.given is not None else []), *(["--note"] if given.note else [])]
    refuse_settings([*map(str, given_too)], title)
    kind = work()
    folder = kind.folder.find(given.resume, (given.output_root or Path("outputs")).expanduser())
    words = ["segtrail", command, "--resume", str(given.resume), *_options(given, {})]
    return kind.go_on(folder, given.data, narrator, words, sign_run)


def _options(given: _Given, size: dict[str, Any]) -> list[str]:
    named = {"--data": given.data, "--note": given.note, "--output-root": given.output_root}
    return option_words({**size, **named})
