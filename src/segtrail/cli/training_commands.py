"""Commands that train: train, resume."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.given_config import (
    AllowDifferent,
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
from segtrail.errors import InputError

if TYPE_CHECKING:
    from segtrail.experiment.run_phases import FinishedRun


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
            refuse_settings([*map(str, given_too), *(["--note"] if note else [])], "run")
        resume(resume_from, data=data, allow_different=allow_different, key=key, as_json=as_json)
        return
    with sentences_for_errors(as_json) as answers:
        if allow_different:
            raise InputError(
                "--allow-different belongs to --resume RUN: a new run has nothing to differ from."
            )
        given = given_config("train configs/quick.yaml", config, config_file, overrides or [])
        settings = given.load({"data_root": data})

        from segtrail.experiment.train_run import train_run

        command = ["segtrail", "train", *given.words, *option_words({"--data": data, "--note": note})]
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
        from segtrail.record.run_folder import find_trained_run

        folder = find_trained_run(run, output_root.expanduser())

        narrator, opened_key = narrator_for(as_json), signing_key(key)
        command = ["segtrail", "resume", run, *(more_epochs or []), *option_words({"--data": data})]
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
