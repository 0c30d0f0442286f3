"""Commands on data sets: init, check, data download."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import Json, narrator_for, print_json, sentences_for_errors
from segtrail.shell_words import quoted


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder with images and their labels.")],
    images: Annotated[
        str | None, typer.Option(metavar="GLOB", help='Which files are images, as "*_t1.nii.gz".')
    ] = None,
    labels: Annotated[
        str | None, typer.Option(metavar="GLOB", help='Which files are labels, as "*_seg.nii.gz".')
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the data set; default: the folder's.")] = None,
    label_names: Annotated[
        str, typer.Option(help='Names of the label values 1, 2, ..., as "left atrium,aorta".')
    ] = "",
    channels: Annotated[
        str, typer.Option(help='Names of the channels, as "T1,T2"; files of one case may end so.')
    ] = "",
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Configuration to write; default: NAME.yaml here.")
    ] = None,
    renumber: Annotated[
        bool, typer.Option("--renumber", help="Copy label maps whose values leave gaps, numbered 1, 2, 3.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write over files that are there; the old are kept beside.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a dataset.json and a commented configuration for a folder of images and labels."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.onboarding import initialise
        from segtrail.onboarding.request import InitRequest

        request = InitRequest(
            folder=folder.expanduser(),
            images=images,
            labels=labels,
            name=name,
            label_names=_words_of(label_names),
            channels=_words_of(channels),
            config=config,
            renumber=renumber,
            overwrite=overwrite,
        )
        answer = initialise.initialise(
            request, narrator_for(as_json), None if yes else _confirm, sys.stdin.isatty()
        )
        if as_json:
            print_json(answer, answers)
        else:
            typer.echo("Next:")
            typer.echo(f"  segtrail check {quoted(request.folder)}")
            typer.echo(f"  segtrail train {quoted(Path(answer['config']))}")


def check(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder with a dataset.json, or that file.")
    ],
    full: Annotated[
        bool, typer.Option("--full", help="Read every file again, also those that have not changed.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for report and pictures; default: a new one in OUTPUT_ROOT/checks."
        ),
    ] = None,
    output_root: Annotated[Path, typer.Option(help="Folder for what commands write.")] = Path("outputs"),
    as_json: Json = False,
) -> None:
    """Check a data set, and make a report of one page with a picture of every case."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.config.schema import DataConfig
        from segtrail.experiment.check_data import CheckRequest, check_data

        request = CheckRequest(dataset.expanduser(), output, output_root, DataConfig(read_all=full))
        answer, folder = check_data(request, narrator_for(as_json))
        if as_json:
            print_json({**answer, "folder": str(folder)}, answers)
    if answer["status"] == "failed":
        typer.echo("Error: The data set has errors, which stop training.", err=True)
        raise typer.Exit(1)


def download(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="A task of the decathlon: Task02_Heart, Task02 or 2.")
    ],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder in which the task's folder is to lie.")
    ] = Path("data"),
    url: Annotated[
        str | None,
        typer.Option(help="Another mirror: the address of its folder or of the archive.", show_default=False),
    ] = None,
    md5: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="MD5 of an archive that was repacked.", show_default=False),
    ] = None,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive", help="Keep the downloaded archive beside the folder.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download, verify and unpack a data set of the Medical Segmentation Decathlon."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.download.task import download_task, request_task

        wanted = request_task(task, to.expanduser(), url, md5, keep_archive)
        arrival = download_task(wanted, narrator_for(as_json))
        if as_json:
            print_json(arrival.as_json(), answers)
        else:
            typer.echo(arrival.as_text())


def _words_of(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",")) if text else ()


def _confirm(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
