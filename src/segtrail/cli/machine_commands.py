"""Commands on this machine: doctor."""

from pathlib import Path
from typing import Annotated

import typer

from segtrail.cli.answers import Json, print_json, sentences_for_errors

OutputRoot = Annotated[Path, typer.Option(help="Folder whose disk is looked at.")]


def doctor(output_root: OutputRoot = Path("outputs"), as_json: Json = False) -> None:
    """Look at this machine: torch, GPU, cores, memory, disk, and what to do about what is missing."""
    with sentences_for_errors(as_json) as answers:
        from segtrail.doctor import examine

        diagnoses = examine(output_root)
        if as_json:
            entries = [diagnosis.as_mapping() for diagnosis in diagnoses]
            print_json({"schema_version": 1, "diagnoses": entries}, answers)
        else:
            for diagnosis in diagnoses:
                remedy = f" {diagnosis.remedy}" if diagnosis.remedy else ""
                typer.echo(f"{diagnosis.status:8} {diagnosis.subject}: {diagnosis.finding}.{remedy}")
    if any(diagnosis.status == "problem" for diagnosis in diagnoses):
        raise typer.Exit(1)
