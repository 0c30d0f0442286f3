"""Commands that train: train, resume, cv."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.signing_commands import Key, sign_ended_run, signing_key
from segtrail.errors import InputError

if TYPE_CHECKING:
    from segtrail.config.schema import Config
    from segtrail.experiment.run_phases import FinishedRun

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

_DEFAULT_FOLDS = 5


def train(
    config_file: ConfigFile = None,
    overrides: Overrides = None,
    config: ConfigOption = None,
    data: Data = None,
    note: Note = "",
    resume_from: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="RUN", help="Go on with a run, as segtrail resume does.", show_default=False
        ),
    ] = None,
    allow_different: AllowDifferent = False,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Train a network and leave a complete run folder, signed where there is a key."""
    if resume_from is not None:
        given_too = [*filter(None, [config, config_file]), *(overrides or [])]
        with sentences_for_errors(as_json):
            _refuse_settings([*map(str, given_too), *(["--note"] if note else [])], "run")
        resume(resume_from, data=data, allow_different=allow_different, key=key, as_json=as_json)
        return
    with sentences_for_errors(as_json) as answers:
        if allow_different:
            raise InputError(
                "--allow-different belongs to --resume RUN: a new run has nothing to differ from."
            )
        given = _given_config("train configs/quick.yaml", config, config_file, overrides or [])
        settings = given.load({"data_root": data})

        from segtrail.experiment.train_run import train_run

        command = ["segtrail", "train", *given.words, *_options({"--data": data, "--note": note})]
        opened_key = signing_key(key)
        run = train_run(settings, narrator_for(as_json), note, command)
        sign_ended_run(run.folder, opened_key, as_json)
        if as_json:
            print_json(_describe_run(run), answers)


def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a run ID, or `latest`.")],
    more_epochs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="train.max_epochs=N", help="Extends a finished run into a new one.", show_default=False
        ),
    ] = None,
    data: Data = None,
    allow_different: AllowDifferent = False,
    key: Key = None,
    output_root: Annotated[
        Path, typer.Option(help="Folder whose runs/ is searched for IDs and `latest`.")
    ] = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Go on with an interrupted run; it ends with the bits of one that was never interrupted."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root.expanduser())

        narrator, opened_key = narrator_for(as_json), signing_key(key)
        command = ["segtrail", "resume", run, *(more_epochs or []), *_options({"--data": data})]
        command += ["--allow-different"] if allow_different else []
        if more_epochs:
            from segtrail.experiment.extend_run import extend_run

            finished = extend_run(
                folder, more_epochs, narrator, data, command, allow_different=allow_different
            )
        else:
            from segtrail.experiment.resume_run import resume_run

            finished = resume_run(folder, narrator, data, command, allow_different=allow_different)
        sign_ended_run(finished.folder, opened_key, as_json)
        if as_json:
            print_json(_describe_run(finished), answers)


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
            _refuse_settings([*map(str, given_too)], "cross-validation")

            from segtrail.record.cross_validation import find_cross_validation

            folder = find_cross_validation(resume, (output_root or Path("outputs")).expanduser())

            from segtrail.cross_validation.cross_validate import resume_cross_validation

            command = ["segtrail", "cv", "--resume", resume, *_options(options)]
            result = resume_cross_validation(folder, data, narrator_for(as_json), command, sign_run)
        else:
            given = _given_config("cv configs/cpu.yaml", config, config_file, overrides or [])
            settings = given.load({"data_root": data, "output_root": output_root})

            from segtrail.cross_validation.cross_validate import cross_validate

            n_folds = _DEFAULT_FOLDS if folds is None else folds
            command = ["segtrail", "cv", *given.words, *_options({**options, "--folds": n_folds})]
            result = cross_validate(settings, n_folds, narrator_for(as_json), note, command, sign_run)
        if as_json:
            print_json(result.as_mapping(), answers)
        else:
            for line in result.table():
                typer.echo(line)


@dataclass(frozen=True)
class _GivenConfig:
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


def _given_config(
    example: str, option: Path | None, argument: str | None, overrides: list[str]
) -> _GivenConfig:
    """Tell the configuration file from the overrides; the runbook gives it as an option."""
    if option is not None:
        return _GivenConfig(option, [*([argument] if argument else []), *overrides])
    if argument is None or "=" in argument:
        raise InputError(f"Which configuration? For example: segtrail {example}")
    return _GivenConfig(Path(argument), overrides)


def _options(given: dict[str, Any]) -> list[str]:
    """Return the options that were given as words of a command line."""
    return [word for name, value in given.items() if value for word in (name, str(value))]


def _refuse_settings(given: list[str], what: str) -> None:
    """A run or a cross-validation goes on with the settings that it began with."""
    if given:
        raise InputError(
            f"--resume goes on with the settings that the {what} began with, so {', '.join(given)} can't be "
            f"given with it. Leave them out, or begin another {what}."
        )


def _describe_run(run: "FinishedRun") -> dict[str, Any]:
    """Return the JSON object about a run that came to its end."""
    return {
        "schema_version": 1,
        "run_id": run.folder.run_id,
        "run_dir": str(run.folder.path),
        "status": "finished",
        "fingerprint": run.fingerprint,
        "metrics": run.summary,
    }
