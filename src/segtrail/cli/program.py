"""The program: its commands, its name, and how it begins and ends."""

import os
import sys
from typing import Annotated, Any

import typer

from segtrail.cli.answers import end_with
from segtrail.cli.archive_commands import archive, restore
from segtrail.cli.card_commands import card, test_uses
from segtrail.cli.compare_commands import compare
from segtrail.cli.data_commands import check, download, init
from segtrail.cli.experiment_commands import log, note, signoff, tag
from segtrail.cli.export_commands import export
from segtrail.cli.index_commands import runs
from segtrail.cli.machine_commands import doctor
from segtrail.cli.methods_commands import methods
from segtrail.cli.record_commands import seal, verify
from segtrail.cli.recording_commands import record
from segtrail.cli.repeat_commands import reproduce
from segtrail.cli.run_commands import evaluate, predict, report
from segtrail.cli.series_commands import cv, seeds
from segtrail.cli.serve_commands import serve
from segtrail.cli.signing_commands import anchor, keys_app, sign, timestamp
from segtrail.cli.training_commands import resume, train
from segtrail.errors import Interrupted
from segtrail.version import __version__

app = typer.Typer(
    name="segtrail",
    help="Train 3D segmentation networks on medical images, and keep every run as a record.",
    pretty_exceptions_enable=False,
    add_completion=True,
)

data_app = typer.Typer(help="Get public data sets.")

for command in (
    init,
    check,
    train,
    resume,
    cv,
    seeds,
    record,
    evaluate,
    predict,
    report,
    verify,
    reproduce,
    compare,
    seal,
    sign,
    timestamp,
    anchor,
    archive,
    restore,
    export,
    runs,
    log,
    serve,
    note,
    signoff,
    tag,
    card,
    methods,
    test_uses,
    doctor,
):
    # What stands behind the command that is recorded is its own, --help too.
    app.command(context_settings={"allow_interspersed_args": command is not record})(command)
app.add_typer(data_app, name="data")
app.add_typer(keys_app, name="keys")
data_app.command()(download)

# A wrong command line; typer names only this subclass in every version.
_USAGE_ERROR: Any = typer.BadParameter.__base__


def main(arguments: list[str] | None = None) -> None:
    """Run the program.

    Args:
        arguments: The command line without the program's name; default: the process's own.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] != ["record"]:  # what another program computes with is its own
        # cuBLAS reads this when it starts; it has to be there before torch is imported.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a Windows console may not be UTF-8
            stream.reconfigure(encoding="utf-8", errors="replace")
    as_json = "--json" in words
    try:
        code = app(args=arguments, prog_name="segtrail", standalone_mode=False)
    except _USAGE_ERROR as error:
        code = end_with(f"{error.format_message()} `segtrail --help` shows what there is.", 2, as_json)
    except typer.Abort:
        code = end_with("Ctrl-C came.", Interrupted.exit_code, as_json)
    sys.exit(code if isinstance(code, int) else 0)


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@data_app.callback(invoke_without_command=True)
def _data(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
