"""Commands on all runs of a group, and on what persons say of one: log, note, signoff, tag."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from segtrail.cli.answers import Json, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot, Run
from segtrail.errors import InputError

if TYPE_CHECKING:
    from segtrail.experiment_log.make_log import Log


class LogFormat(StrEnum):
    """How the experiment log is printed."""

    TABLE = "table"
    CSV = "csv"
    MARKDOWN = "markdown"


def log(
    output_root: OutputRoot = Path("outputs"),
    columns: Annotated[
        str | None,
        typer.Option(
            help="Columns by name, as run_id,dice,seed; with a plus each, as +seed,+hd95, beside the usual ones.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[LogFormat, typer.Option("--format", help="How to print it.")] = LogFormat.TABLE,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep the table in this Markdown file.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """List all runs from their folders, the newest first; interrupted, failed and damaged ones too."""
    with sentences_for_errors(as_json) as answers:
        if as_json and format_ != LogFormat.TABLE:
            raise InputError(f"--json and --format {format_.value} are given; only one of them is printed.")
        if write is not None and format_ == LogFormat.CSV:
            raise InputError("--write keeps a table in Markdown; --format csv is printed. Give one of them.")

        from segtrail.experiment_log.column_choice import choose_columns
        from segtrail.experiment_log.columns import COLUMNS, usual_columns
        from segtrail.experiment_log.kept_table import KeptTable
        from segtrail.experiment_log.make_log import make_log
        from segtrail.progress import Narrator

        table = None if write is None else KeptTable(write.expanduser())
        usual = (table.columns if table is not None else ()) or usual_columns()
        chosen = choose_columns(columns, usual, COLUMNS)
        if table is not None and "run_id" not in [column.name for column in chosen]:
            raise InputError("The table that --write keeps tells its rows by run_id. Add that to --columns.")
        made = make_log(output_root.expanduser(), chosen, Narrator(sys.stderr))
        for line in made.problem_lines():
            typer.echo(line, err=True)
        if table is not None:
            table.write(made)
        if as_json:
            print_json({**made.as_mapping(), "written": None if table is None else str(write)}, answers)
        elif table is not None:
            typer.echo(f"Written: {write}")
        else:
            _print_log(made, format_, answers)


def note(
    run: Run,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note, at most 10,000 characters.")],
    name: Annotated[
        str | None,
        typer.Option(help="Who writes it; default: the operator of the run.", show_default=False),
    ] = None,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Add a note to a run: to the addenda of a sealed one, else to its journal."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.notes import write_note
        from segtrail.record.run_folder import find_run

        folder = find_run(run, output_root.expanduser())
        written = write_note(folder, text, name)
        if as_json:
            print_json(written.model_dump(mode="json"), answers)
        else:
            typer.echo(f"Noted of {written.run_id}: {written.text}")


def signoff(
    run: Run,
    name: Annotated[str, typer.Option(help="Your name, as it is to be printed.")],
    meaning: Annotated[
        str, typer.Option(help="What it means: authored, reviewed, approved, or other words.")
    ],
    note: Annotated[str, typer.Option(help="A remark.", show_default=False)] = "",
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """State with your name that you authored, reviewed or approved exactly this sealed run."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.audit.verify import require_whole
        from segtrail.record.run_folder import find_run
        from segtrail.record.seal import require_seal
        from segtrail.record.signoff import sign_off

        folder = find_run(run, output_root.expanduser())
        require_seal(folder.path)
        require_whole(folder.path)
        statement, path = sign_off(folder, name, meaning, note)
        if as_json:
            print_json({**statement.model_dump(mode="json"), "signoff": str(path)}, answers)
        else:
            typer.echo(f"{statement.name} signed off {statement.run_id}: {statement.meaning}.")
            typer.echo(f"Fingerprint: {statement.fingerprint}")


def tag(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the tag, for example v0.2.0.")],
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Make a git tag on the commit of a sealed run, in the repository of the current folder; nothing is pushed."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.audit.verify import require_whole
        from segtrail.record.run_folder import find_run
        from segtrail.record.seal import require_seal
        from segtrail.tagging.tag_run import tag_run

        folder = find_run(run, output_root.expanduser())
        require_seal(folder.path)
        require_whole(folder.path)
        made = tag_run(folder.path, name)
        if as_json:
            keys = ("run_id", "fingerprint", "commit", "because")
            facts = {key: getattr(made, key) for key in keys}
            print_json({"schema_version": 1, "tag": made.name, **facts}, answers)
        else:
            part = "the submodule " if made.copy.is_submodule else ""
            typer.echo(f"Tag {made.name} is on {made.commit} in {part}{made.copy.top}. {made.because}")


def _print_log(log: "Log", format_: LogFormat, answers: TextIO) -> None:
    from segtrail.experiment_log.csv_format import as_csv
    from segtrail.experiment_log.markdown import as_markdown
    from segtrail.experiment_log.terminal import print_log

    if format_ == LogFormat.CSV:
        if hasattr(answers, "reconfigure"):  # Windows would give each line a second carriage return
            answers.reconfigure(newline="")
        typer.echo(as_csv(log), file=answers, nl=False)
    elif format_ == LogFormat.MARKDOWN:
        typer.echo(as_markdown(log), file=answers, nl=False)
    else:
        print_log(log, answers)
