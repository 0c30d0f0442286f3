"""Commands on what a run is to be used for: card, test-uses."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from segtrail.cli.answers import Json, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot, Run
from segtrail.errors import InputError

if TYPE_CHECKING:
    from segtrail.record.uses_of_test_set import UsesOfTestSet


def test_uses(run: Run, output_root: OutputRoot = Path("outputs"), as_json: Json = False) -> None:
    """Count how often the test cases of a run were measured, by it and by the runs beside it."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.run_folder import find_run
        from segtrail.record.uses_of_test_set import find_uses

        folder = find_run(run, output_root.expanduser())
        uses = find_uses(folder.path)
        if uses is None:
            raise InputError(
                f"{folder.run_id} has no test cases. split.test in the configuration names them."
            )
        if as_json:
            print_json(uses.as_mapping(), answers)
        else:
            _print_uses(uses)


def _print_uses(uses: "UsesOfTestSet") -> None:
    for use in uses.uses:
        what = "evaluation of the run" if use.kind == "run" else "saved evaluation"
        typer.echo(f"{use.time_utc}  {use.run_id}  {what}: {use.n_cases} of {uses.n_cases} cases")
    for name in uses.unread:
        typer.echo(f"Not read, since its journal is missing or damaged: {name}")
    typer.echo(
        f"The test cases of {uses.run_id} were measured {_times(len(uses.uses))} by "
        f"{len({use.run_id for use in uses.uses})} of {uses.n_runs_read} runs beside it, itself included. "
        "Evaluations that were not saved, and runs elsewhere, are not counted."
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
