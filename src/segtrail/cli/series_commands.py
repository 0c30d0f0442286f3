"""Commands that train several runs that belong together: cv, seeds."""

from functools import partial
from pathlib import Path
from typing import Annotated

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
    with sentences_for_errors(as_json) as answers:
        sign_run = partial(sign_ended_run, key=signing_key(key), as_json=as_json)
        options = {"--folds": folds, "--data": data, "--note": note, "--output-root": output_root}
        if resume is not None:
            given_too = [*filter(None, [config, config_file]), *(overrides or [])]
            given_too += [*(["--folds"] if folds is not None else []), *(["--note"] if note else [])]
            refuse_settings([*map(str, given_too)], "cross-validation")

            from segtrail.record.cross_validation import CrossValidationFolder

            folder = CrossValidationFolder.find(resume, (output_root or Path("outputs")).expanduser())

            from segtrail.cross_validation.cross_validate import resume_cross_validation

            command = ["segtrail", "cv", "--resume", resume, *option_words(options)]
            result = resume_cross_validation(folder, data, narrator_for(as_json), command, sign_run)
        else:
            given = given_config("cv configs/cpu.yaml", config, config_file, overrides or [])
            settings = given.load({"data_root": data, "output_root": output_root})

            from segtrail.cross_validation.cross_validate import cross_validate

            n_folds = _DEFAULT_FOLDS if folds is None else folds
            command = ["segtrail", "cv", *given.words, *option_words({**options, "--folds": n_folds})]
            result = cross_validate(settings, n_folds, narrator_for(as_json), note, command, sign_run)
        if as_json:
            print_json(result.as_mapping(), answers)
        else:
            for line in result.table():
                typer.echo(line)


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
    with sentences_for_errors(as_json) as answers:
        sign_run = partial(sign_ended_run, key=signing_key(key), as_json=as_json)
        options = {"--n": n, "--data": data, "--note": note, "--output-root": output_root}
        if resume is not None:
            given_too = [*filter(None, [config, config_file]), *(overrides or [])]
            given_too += [*(["--n"] if n is not None else []), *(["--note"] if note else [])]
            refuse_settings([*map(str, given_too)], "series of seeds")

            from segtrail.record.seeds import SeedsFolder

            folder = SeedsFolder.find(resume, (output_root or Path("outputs")).expanduser())

            from segtrail.seed_series.repeat_seeds import resume_seeds

            command = ["segtrail", "seeds", "--resume", resume, *option_words(options)]
            result = resume_seeds(folder, data, narrator_for(as_json), command, sign_run)
        else:
            given = given_config("seeds configs/quick.yaml", config, config_file, overrides or [])
            settings = given.load({"data_root": data, "output_root": output_root})

            from segtrail.seed_series.repeat_seeds import repeat_with_seeds

            n_seeds = _DEFAULT_SEEDS if n is None else n
            first = settings.train.seed
            command = ["segtrail", "seeds", *given.words, *option_words({**options, "--n": n_seeds})]
            result = repeat_with_seeds(
                settings, range(first, first + n_seeds), narrator_for(as_json), note, command, sign_run
            )
        if as_json:
            print_json(result.as_mapping(), answers)
        else:
            for line in result.table():
                typer.echo(line)
