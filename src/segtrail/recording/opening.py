"""The opening of a record: the command, its code and packages, the machine, the data, before it is run."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segtrail.errors import InputError
from segtrail.provenance.code_archive import FILE_NAME as CODE
from segtrail.provenance.code_archive import hash_archived_own, pack_code
from segtrail.provenance.collect import Findings, assemble_provenance
from segtrail.provenance.folder import FOLDER as PROVENANCE
from segtrail.provenance.folder import hash_provenance, write_provenance
from segtrail.provenance.machine import describe_hardware, find_cards
from segtrail.provenance.packages import Package, installed_packages
from segtrail.record.hashing import hash_file
from segtrail.record.local_paths import remember_data_root
from segtrail.record.program_hash import hash_program
from segtrail.record.redaction import Redactor
from segtrail.record.run_folder import RunFolder, utc_text
from segtrail.recording.command_code import collect_code
from segtrail.recording.data_files import FILE_NAME as DATA_FILES
from segtrail.recording.data_files import DataState, write_data_files
from segtrail.recording.interpreter import Interpreter, ask_python, find_python, told_of
from segtrail.recording.request import RecordRequest
from segtrail.version import __version__


@dataclass(frozen=True)
class Setting:
    """What a command is run with.

    Attributes:
        program: Where its program lies.
        python: The Python that runs it; None where it is no Python program, as far as can be told.
        packages: What is installed there.
        code: The sources that the command names, by path.
        cards: The graphics cards of the machine.
        gaps: What could not be found out, in sentences.
    """

    program: Path
    python: Interpreter | None
    packages: Sequence[Package]
    code: Mapping[str, bytes]
    cards: Sequence[Mapping[str, Any]]
    gaps: Sequence[str]

    @property
    def name(self) -> str:
        """What the command is called in a record: its script, else its program."""
        scripts = [name for name in self.code if name.endswith((".py", ".sh"))]
        return scripts[0] if scripts else self.program.name


def look_at_setting(request: RecordRequest, program: Path) -> Setting:
    """Find out what a command is run with, without running it.

    Args:
        request: The command.
        program: Where its program lies.

    Returns:
        Its Python, packages and code.

    Raises:
        InputError: ``--python`` names no Python.
    """
    python, gaps = _find_python(request, program)
    packages, package_gaps = ([], []) if python is None else installed_packages(python.search_path)
    code, code_gaps = collect_code(request.command, Path.cwd())
    if not code:
        code_gaps.append(
            "The command names no script of its own, so code.zip holds none; the packages and the commit of the "
            "working folder are on record."
        )
    return Setting(program, python, packages, code, find_cards(), [*gaps, *package_gaps, *code_gaps])


def _find_python(request: RecordRequest, program: Path) -> tuple[Interpreter | None, list[str]]:
    if request.python is not None:
        return ask_python(request.python), []
    path = find_python(program)
    if path is None:
        because = f"{program.name} is not seen to be a Python program, so the packages that it uses are not on record."
        return None, [f"{because} --python PYTHON names its Python."]
    try:
        return ask_python(path), []
    except InputError as error:
        return None, [f"The packages that the command uses are not on record: {error}"]


def write_opening(
    folder: RunFolder,
    request: RecordRequest,
    setting: Setting,
    data: DataState | None,
    redactor: Redactor,
    command_line: Sequence[str],
) -> None:
    """Write down all that is known before the command is run.

    Args:
        folder: The run folder, held.
        request: The command, and what is to be kept.
        setting: What it is run with.
        data: The data set; None where none is named.
        redactor: Keeps machine paths out.
        command_line: The command line of segtrail.
    """
    created = datetime.now(UTC).replace(microsecond=0)
    write_provenance(folder.path / PROVENANCE, _provenance(folder.run_id, created, setting, redactor))
    journal = folder.open_journal(request.operator)
    told = {
        "segtrail_version": __version__,
        "note": redactor.redact(request.note),
        "program_sha256": hash_program(),
        "own_code": hash_archived_own(folder.path / PROVENANCE / CODE),
        "environment": _environment(setting),
    }
    start_command = redactor.redact_command(command_line)
    words = [redactor.redact_command([word]) for word in request.command]
    provenance = hash_provenance(folder.path / PROVENANCE)
    journal.write(
        "run opened",
        run_id=folder.run_id,
        command=start_command,
        recorded_command=words,
        provenance=provenance,
        **told,
    )
    if data is not None:
        write_data_files(folder.path / DATA_FILES, list(data.files.values()))
        remember_data_root(folder.path, data.root)
        journal.write("data listed", sha256=hash_file(folder.path / DATA_FILES), files=len(data.files))
    folder.write_state(  # last, since it makes the folder a run
        status="running",
        created_utc=utc_text(created),
        ended_utc=None,
        ended_because=None,
        start_command=start_command,
        project=request.project or setting.name,
        operator=request.operator,
        **told,
        seconds={},
        cpu_seconds={},
        recorded={
            "command": words,
            "program": setting.name,
            "adapter": request.adapter,
            "exit_code": None,
            "data": None,
            "outputs": None,
            "gaps": [],
        },
    )


def _provenance(run_id: str, created: datetime, setting: Setting, redactor: Redactor) -> Mapping[str, bytes]:
    machine = {**describe_hardware(), "graphics_cards": list(setting.cards)}
    if setting.python is not None:
        machine["python"] = setting.python.as_mapping()
    findings = Findings(run_id, created, setting.packages, machine, pack_code(setting.code), setting.gaps)
    return assemble_provenance(findings, redactor)


def _environment(setting: Setting) -> dict[str, str]:
    versions = {package.name.lower(): package.version for package in setting.packages}
    python = {} if setting.python is None else {"python": setting.python.version}
    system = {"os": f"{platform.system()} {platform.release()}", "machine": platform.machine()}
    return {**python, **told_of(versions), **system}
