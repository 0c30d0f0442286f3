"""The command that writes the methods section of a run: methods."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segtrail.cli.answers import Json, print_json, sentences_for_errors
from segtrail.cli.run_commands import OutputRoot, Run
from segtrail.errors import InputError

if TYPE_CHECKING:
    from segtrail.methods_text.text import MethodsText


def methods(
    run: Run,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the text into this new file, and the bibliography beside it, with .bib for its ending.",
            show_default=False,
        ),
    ] = None,
    output_root: OutputRoot = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Write the methods section of a manuscript from the record of a run, with BibTeX of what was used."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.methods_text.text import methods_of_run
        from segtrail.record.run_folder import find_trained_run

        folder = find_trained_run(run, output_root.expanduser(), even_shared=True)
        text = methods_of_run(folder.path)
        paths = None if output is None else _write(text, output.expanduser())
        if as_json:
            written = {} if paths is None else {"output": str(paths[0]), "bibliography": str(paths[1])}
            run_id = str(folder.read_state().get("run_id"))
            texts = {"run_id": run_id, "text": text.markdown, "bibtex": text.bibtex}
            print_json({"schema_version": 1, **texts, **written}, answers)
        elif paths is None:
            typer.echo(text.markdown, nl=False)
        else:
            typer.echo(f"Written: {paths[0]}")
            typer.echo(f"Written: {paths[1]}")


def _write(text: "MethodsText", path: Path) -> tuple[Path, Path]:
    from segtrail.atomic import write_text

    bibliography = path.with_suffix(".bib")
    if bibliography == path:
        raise InputError(
            f"{path} ends in .bib, as the bibliography beside it does. Name a file for the text."
        )
    for file in (path, bibliography):
        if file.exists():
            raise InputError(f"{file} is there already, and is kept. Name another file with --output.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent} to write {path.name} into.")
    write_text(path, text.markdown)
    write_text(bibliography, text.bibtex)
    return path, bibliography
