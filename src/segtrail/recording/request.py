"""What a person asks to have recorded."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RecordRequest:
    """A training of another program, and what is to be kept of it.

    Attributes:
        command: The command with its arguments.
        output_root: Folder whose ``runs`` gets the record.
        data_root: The data set that it is to work with; None where none is named.
        outputs: Folders that it writes to, whose new and changed files are kept.
        adapter: What reads the outputs: ``nnunet``, or None for files in segtrail's own form.
        results: The folder that the adapter reads; None to find it from the command.
        predictions: Label maps to be measured; None where none are named.
        references: Their references, by the same file names.
        python: The Python of the command; None to find it from the command.
        project: Title of the report.
        operator: The person who answers for the run.
        note: A remark for the record.
        with_report: Whether to make the report.
    """

    command: tuple[str, ...]
    output_root: Path
    data_root: Path | None = None
    outputs: tuple[Path, ...] = ()
    adapter: str | None = None
    results: Path | None = None
    predictions: Path | None = None
    references: Path | None = None
    python: Path | None = None
    project: str = ""
    operator: str | None = None
    note: str = ""
    with_report: bool = True
