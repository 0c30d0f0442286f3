"""Commands that record what other programs do: record."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.cli.given_config import Note, option_words
from segtrail.cli.signing_commands import Key, sign_ended_run, signing_key
from segtrail.errors import CheckFailed, InputError, Interrupted

if TYPE_CHECKING:
    from segtrail.recording.record_training import RecordedRun


class Adapter(StrEnum):
    """What reads the outputs of a known program."""

    NNUNET = "nnunet"


def _folder(help_: str) -> Any:
    return typer.Option(metavar="DIR", help=help_, show_default=False)


def record(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- COMMAND...", help="The training, as in the shell.", show_default=False),
    ] = None,
    data: Annotated[Path | None, _folder("The data set that the command works with.")] = None,
    outputs: Annotated[
        list[Path] | None, _folder("A folder that it writes to; what is new there is kept. May be repeated.")
    ] = None,
    adapter: Annotated[
        Adapter | None, typer.Option(help="What reads the outputs of a known program.", show_default=False)
    ] = None,
    results: Annotated[
        Path | None, _folder("The folder that the adapter reads; default: found from the command.")
    ] = None,
    predictions: Annotated[
        Path | None, _folder("Label maps that the command makes, to be measured against --references.")
    ] = None,
    references: Annotated[Path | None, _folder("Their references, by the same file names.")] = None,
    python: Annotated[
        Path | None,
        typer.Option(
            metavar="PYTHON",
            help="The Python of the command; default: found from the command.",
            show_default=False,
        ),
    ] = None,
    project: Annotated[str, typer.Option(help="Title of the report; default: the script.")] = "",
    operator: Annotated[
        str | None, typer.Option(help="The person who answers for the run.", show_default=False)
    ] = None,
    note: Note = "",
    key: Key = None,
    with_report: Annotated[
        bool, typer.Option("--report/--no-report", help="Whether to make the report.")
    ] = True,
    output_root: Annotated[Path, typer.Option(help="Folder whose runs/ gets the record.")] = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Run any training, and keep what it did as a sealed run; ends with the exit code of the command."""
    given = {
        "--data": data,
        "--adapter": None if adapter is None else adapter.value,
        "--results": results,
        "--predictions": predictions,
        "--references": references,
        "--python": python,
        "--project": project,
        "--operator": operator,
        "--note": note,
    }
    with sentences_for_errors(as_json) as answers:
        if not command:
            raise InputError("Which command? For example: segtrail record --data DIR -- python train.py")
        if results is not None and adapter is None:
            raise InputError("--results is read by an adapter; name it too, as --adapter nnunet.")
        if predictions is not None and adapter is not None:
            raise InputError(
                f"--predictions is for programs without an adapter; {adapter.value} finds the label maps itself."
            )

        from segtrail.recording.record_training import record_training
        from segtrail.recording.request import RecordRequest

        request = RecordRequest(
            tuple(command),
            output_root.expanduser(),
            data_root=_expanded(data),
            outputs=tuple(path.expanduser() for path in outputs or []),
            adapter=None if adapter is None else adapter.value,
            results=_expanded(results),
            predictions=_expanded(predictions),
            references=_expanded(references),
            python=_expanded(python),
            project=project,
            operator=operator,
            note=note,
            with_report=with_report,
        )
        words = ["segtrail", "record", *option_words(given)]
        words += [word for path in outputs or [] for word in ("--outputs", str(path))]
        opened_key = signing_key(key)
        run = record_training(request, narrator_for(as_json), [*words, "--", *command])
        sign_ended_run(run.folder, opened_key, as_json)
        if as_json:
            print_json(_describe(run), answers)
    _end_as_the_command(run)


def _expanded(path: Path | None) -> Path | None:
    return None if path is None else path.expanduser()


def _describe(run: "RecordedRun") -> dict[str, Any]:
    return {
        "schema_version": 1,
        "run_id": run.folder.run_id,
        "run_dir": str(run.folder.path),
        "status": run.folder.read_state()["status"],
        "command_exit_code": run.end.exit_code,
        "fingerprint": run.fingerprint,
        "metrics": run.summary,
        "gaps": list(run.gaps),
    }


def _end_as_the_command(run: "RecordedRun") -> None:
    """End with the exit code of the command, or as shells do where a signal ended it."""
    if run.end.stopped_by is not None:
        raise typer.Exit(Interrupted.exit_code)
    if run.end.exit_code != 0:
        code = run.end.exit_code if run.end.exit_code > 0 else 128 - run.end.exit_code
        how = run.end.describe()
        typer.echo(f"Error: {how[:1].upper()}{how[1:]}. The record is whole and sealed.", err=True)
        raise typer.Exit(code)
    if run.failure:
        typer.echo(f"Error: {run.failure} The rest of the record is whole and sealed.", err=True)
        raise typer.Exit(CheckFailed.exit_code)
