"""Commands on what persons say of runs: note, signoff, tag."""

from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import Json, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot, Run


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
