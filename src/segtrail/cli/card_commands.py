"""Commands on what a run is to be used for: card, test-uses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segtrail.cli.answers import Json, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot, Run
from segtrail.errors import InputError

if TYPE_CHECKING:
    from segtrail.record.run_folder import RunFolder
    from segtrail.record.uses_of_test_set import UsesOfTestSet


def card(
    run: Run,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What a person answered; a card with the answers comes to the run's addenda.",
            show_default=False,
        ),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the questions that only a person can answer, to be filled in.",
            show_default=False,
        ),
    ] = None,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Print the model card of a run, write the questions that it leaves to a person, or take the answers."""
    with sentences_for_errors(as_json) as output:
        from segtrail.model_card.completion import latest_card
        from segtrail.model_card.questions import open_questions
        from segtrail.record.run_folder import find_trained_run

        if answers is not None and template is not None:
            raise InputError(
                "--answers and --template are given; one reads answers, the other writes questions."
            )
        folder = find_trained_run(run, output_root.expanduser(), even_shared=True)
        if answers is not None:
            _take_answers(folder, answers.expanduser())
        latest = latest_card(folder.path)
        if template is not None:
            _write_template(folder, template.expanduser(), latest.text)
        missing = open_questions(latest.text)
        if as_json:
            paths = {"card": latest.path, "template": template}
            texts = {name: None if path is None else str(path) for name, path in paths.items()}
            print_json({"schema_version": 1, "run_id": folder.run_id, **texts, "open": missing}, output)
        elif answers is None and template is None:
            typer.echo(latest.text, nl=False)
        else:
            typer.echo(f"Written: {template or latest.path}")
            typer.echo(f"Still open: {', '.join(missing) or 'nothing'}")


def _take_answers(folder: "RunFolder", path: Path) -> None:
    from segtrail.audit.verify import require_whole
    from segtrail.model_card.answers import read_answers
    from segtrail.model_card.completion import complete_card

    given = read_answers(path, _run_id(folder))
    require_whole(folder.path)
    complete_card(folder.path, given)


def _write_template(folder: "RunFolder", path: Path, card: str) -> None:
    from segtrail.atomic import write_text
    from segtrail.model_card.answers import template
    from segtrail.model_card.questions import given_answers

    if path.exists():
        raise InputError(f"{path} is there already, and is kept. Name another file with --template.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} to write {path.name} into.")
    write_text(path, template(_run_id(folder), given_answers(card)))


def _run_id(folder: "RunFolder") -> str:
    """Return the ID on record, since the folder may have been renamed."""
    return str(folder.read_state().get("run_id"))


def test_uses(run: Run, output_root: OutputRoot = Path("outputs"), as_json: Json = False) -> None:
    """Count how often the test cases of a run were measured, by it and by the runs beside it."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.record.run_folder import find_trained_run
        from segtrail.record.uses_of_test_set import find_uses

        folder = find_trained_run(run, output_root.expanduser())
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
        typer.echo(f"Its journal does not say what was measured: {name}")
    typer.echo(
        f"The test cases of {uses.run_id} were measured {_times(len(uses.uses))} by "
        f"{len({use.run_id for use in uses.uses})} of {uses.n_runs_read} runs beside it, itself included. "
        "Evaluations that were not saved, and runs elsewhere, are not counted."
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
