"""Everything that tells where a run comes from, as the files of its folder ``provenance``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import segtrail
from segtrail.compute import Compute
from segtrail.provenance import code_archive
from segtrail.provenance.code_archive import make_code_archive
from segtrail.provenance.folder import BILL_OF_MATERIALS, FILE_NAME, PACKAGES, SCHEMA_VERSION
from segtrail.provenance.machine import describe_machine
from segtrail.provenance.packages import Package, installed_packages
from segtrail.provenance.repository import (
    PATCH_LIMIT_BYTES,
    NoRepositoryError,
    Repository,
    is_tracked,
    read_repository,
)
from segtrail.provenance.sbom import make_bill_of_materials
from segtrail.record.redaction import Redactor


@dataclass(frozen=True)
class Origin:
    """What provenance is collected of.

    Attributes:
        run_id: The run.
        opened: When it was opened.
        compute: Where it computes.
        own_code: The modules of the user's own code, imported, by the path that the configuration names.
        redactor: Keeps machine paths out of patches and sentences.
    """

    run_id: str
    opened: datetime
    compute: Compute
    own_code: Mapping[str, ModuleType]
    redactor: Redactor


@dataclass(frozen=True)
class Findings:
    """What was found out of a run, but for what git knows.

    Attributes:
        run_id: The run.
        opened: When it was opened.
        packages: The packages that it runs with.
        machine: The machine, as ``provenance.json`` has it.
        code: ``code.zip``.
        gaps: What could not be found out, in sentences.
    """

    run_id: str
    opened: datetime
    packages: Sequence[Package]
    machine: Mapping[str, Any]
    code: bytes
    gaps: Sequence[str]


def collect_provenance(origin: Origin) -> dict[str, bytes]:
    """Collect code, packages, machine and repositories; under the same conditions the bytes are the same.

    Args:
        origin: What it is collected of.

    Returns:
        The files by name.
    """
    packages, package_gaps = installed_packages()
    machine, machine_gaps = describe_machine(origin.compute)
    code = make_code_archive(origin.own_code.values())
    gaps = [*package_gaps, *machine_gaps, *_sourceless(origin.own_code)]
    return assemble_provenance(
        Findings(origin.run_id, origin.opened, packages, machine, code, gaps), origin.redactor
    )


def assemble_provenance(findings: Findings, redactor: Redactor) -> dict[str, bytes]:
    """Add what git knows, and write all of it out.

    Args:
        findings: What was found out besides.
        redactor: Keeps machine paths out of patches and sentences.

    Returns:
        The files by name.
    """
    repositories, patches, repository_gaps = _describe_repositories(redactor)
    content = {
        "schema_version": SCHEMA_VERSION,
        "run_id": findings.run_id,
        **repositories,
        "machine": findings.machine,
        "gaps": [redactor.redact(gap) for gap in [*findings.gaps, *repository_gaps]],
    }
    listed = {
        "schema_version": SCHEMA_VERSION,
        "packages": [_entry(package) for package in findings.packages],
    }
    bill = make_bill_of_materials(findings.packages, findings.run_id, findings.opened)
    return {
        FILE_NAME: _json(content),
        PACKAGES: _json(listed),
        BILL_OF_MATERIALS: bill.encode("utf-8"),
        code_archive.FILE_NAME: findings.code,
        **patches,
    }


def _describe_repositories(
    redactor: Redactor,
) -> tuple[dict[str, dict[str, Any] | None], dict[str, bytes], list[str]]:
    """Describe the repositories of the program and of the working folder, which are often one and the same."""
    program, gaps = _program_repository()
    try:
        working = read_repository(Path.cwd())
    except NoRepositoryError as error:
        working = None
        gaps.append(
            f"No commit tells what lay in the working folder: {error}. The sources that were found "
            f"there are in {code_archive.FILE_NAME} all the same."
        )
    is_same = working is not None and program is not None and working.root == program.root
    patches: dict[str, bytes] = {}
    described = {
        "program_repository": _describe(program, "program.patch", redactor, patches, gaps),
        "working_repository": None
        if is_same
        else _describe(working, "working_folder.patch", redactor, patches, gaps),
    }
    if is_same:
        described["working_repository"] = described["program_repository"]
    return described, patches, gaps


def _program_repository() -> tuple[Repository | None, list[str]]:
    source = Path(segtrail.__file__)
    try:
        # Else it is an installed package, which packages.json names.
        return (read_repository(source.parent) if is_tracked(source) else None), []
    except NoRepositoryError as error:
        return None, [f"No commit tells the program: {error}. {code_archive.FILE_NAME} holds its sources."]


def _describe(
    repository: Repository | None,
    patch_name: str,
    redactor: Redactor,
    patches: dict[str, bytes],
    gaps: list[str],
) -> dict[str, Any] | None:
    if repository is None:
        return None
    if repository.commit is None:
        gaps.append("The repository has no commit yet.")
    if repository.patch is None:
        limit = PATCH_LIMIT_BYTES // 1_000_000
        gaps.append(f"What was changed since the commit is more than {limit} MB, so the patch was not kept.")
    elif repository.patch:
        patches[patch_name] = _redacted(repository.patch, redactor)
    return {
        "commit": repository.commit,
        "tags": list(repository.tags),
        "branch": repository.branch,
        "clean": repository.is_clean,
        "changed_files": repository.n_changed,
        "untracked": repository.n_untracked,
        "submodules": [asdict(submodule) for submodule in repository.submodules],
        "patch": patch_name if repository.patch else None,
        "patch_is_redacted": bool(repository.patch) and patches[patch_name] != repository.patch,
    }


def _redacted(patch: bytes, redactor: Redactor) -> bytes:
    return redactor.redact(patch.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _sourceless(own_code: Mapping[str, ModuleType]) -> list[str]:
    return [
        f"{path} comes without a source file, so its code is not on record."
        for path, module in own_code.items()
        if not str(getattr(module, "__file__", None)).endswith(".py")
    ]


def _entry(package: Package) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "record_sha256": package.record_sha256,
        "licence": package.licence,
        "editable": package.is_editable,
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
