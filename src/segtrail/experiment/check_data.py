"""Checking a data set by itself: the answer, the one-page report and the sheet of all cases."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segtrail.atomic import write_bytes, write_json
from segtrail.config.schema import DataConfig
from segtrail.dataset.checking.checks import describe_finding
from segtrail.dataset.description import DatasetDescription, open_description
from segtrail.dataset.summary import check_entries, dataset_fingerprint
from segtrail.errors import InputError
from segtrail.experiment.checking import CheckedData, read_and_check
from segtrail.progress import Narrator
from segtrail.record.disk import require_writable
from segtrail.record.run_folder import claim_folder, utc_now
from segtrail.report.dataset_montage import montage_of
from segtrail.report.dataset_report import build_dataset_document
from segtrail.report.typeset import has_typst, typeset
from segtrail.report.web_page import write_web_page
from segtrail.report.wording import format_count

SCHEMA_VERSION = 1
_FINDINGS_SHOWN = 10


@dataclass(frozen=True)
class CheckRequest:
    """What to check.

    Attributes:
        dataset: Folder of the data set, or its description file.
        output: Folder for report, sheet and answer; None makes a new one under ``output_root/checks``.
        output_root: Folder for what commands write; scans are remembered there.
        config: Tolerance, allowed errors, and whether to read unchanged files again.
    """

    dataset: Path
    output: Path | None
    output_root: Path
    config: DataConfig


def check_data(request: CheckRequest, narrator: Narrator) -> tuple[dict[str, Any], Path]:
    """Check a data set, and write ``checks.json``, ``montage.png`` and the report as PDF and as web page.

    Args:
        request: What to check.
        narrator: Hears of progress and of what was found.

    Returns:
        The content of ``checks.json``, whose ``status`` is ``failed`` when an error was found, and the folder.

    Raises:
        InputError: The description can't be read, or the output can't be written or lies in the data set.
    """
    description = open_description(request.dataset, request.config.description_file)
    parent = request.output or request.output_root / "checks"
    _refuse_inside(parent, description)
    require_writable(parent, "--output", 0)
    scans = request.output_root / "cache" / "scans"
    started = time.perf_counter()
    data = read_and_check(
        description, request.config, narrator, None if _is_inside(scans, description) else scans
    )
    answer = _answer(data, time.perf_counter() - started)
    _say_results(data, narrator)
    try:
        folder = request.output or claim_folder(parent, description.root.resolve().name or "data")
        _write(folder, data, answer, narrator)
    except OSError as error:
        raise InputError(
            f"The report of the data can't be written to {parent}: {error.strerror}. Choose another --output."
        ) from None
    return answer, folder


def _is_inside(folder: Path, description: DatasetDescription) -> bool:
    return folder.resolve().is_relative_to(description.root.resolve())


def _refuse_inside(folder: Path, description: DatasetDescription) -> None:
    if _is_inside(folder, description):
        raise InputError(
            f"The output folder {folder} lies in the data set's own folder, which is never written. Choose another "
            "--output, or start the command elsewhere."
        )


def _answer(data: CheckedData, seconds: float) -> dict[str, Any]:
    description = data.description
    failed = any(result.stops_training for result in data.results)
    warned = any(result.severity == "warning" and result.findings for result in data.results)
    return {
        "schema_version": SCHEMA_VERSION,
        "created_utc": utc_now(),
        "status": "failed" if failed else "warnings" if warned else "passed",
        "dataset": {
            "name": description.name,
            "description_file": description.file_name,
            "dataset_json_sha256": description.sha256,
            "fingerprint": dataset_fingerprint(description, data.scans),
            "cases": len(data.scans),
        },
        "reading": {
            "read_now": sum(scan.read_now for scan in data.scans),
            "unchanged_since_read_before": sum(not scan.read_now for scan in data.scans),
            "seconds": round(seconds, 3),
        },
        "checks": check_entries(data.results),
    }


def _say_results(data: CheckedData, narrator: Narrator) -> None:
    remembered = sum(not scan.read_now for scan in data.scans)
    known = f"; {remembered} unchanged since they were read before" if remembered else ""
    narrator.say(f"Data set {data.description.name}: {format_count(len(data.scans), 'case')}{known}.")
    narrator.table(
        ("check", "severity", "found", "what must hold"),
        [
            (result.check.id, result.severity, str(len(result.findings) or "nothing"), result.check.title)
            for result in data.results
        ],
    )
    for result in data.results:
        if result.findings:
            narrator.say(f"{result.severity.capitalize()} ({result.check.id}): {result.check.title}: no.")
            for finding in result.findings[:_FINDINGS_SHOWN]:
                narrator.say(f"  {describe_finding(finding)}")
            more = len(result.findings) - _FINDINGS_SHOWN
            if more > 0:
                narrator.say(f"  And {format_count(more, 'finding')} more, in checks.json.")
            narrator.say(f"  What to do: {result.check.remedy}")


def _write(folder: Path, data: CheckedData, answer: dict[str, Any], narrator: Narrator) -> None:
    write_json(folder / "checks.json", answer)
    write_bytes(folder / "montage.png", montage_of(data.scans, data.results))
    moment = datetime.fromisoformat(answer["created_utc"]).astimezone(UTC)
    document = build_dataset_document(
        data.description, data.scans, data.results, answer["dataset"]["fingerprint"], moment
    )
    write_bytes(folder / "dataset_report.html", write_web_page(document))
    narrator.say(f"Report: {folder / 'dataset_report.html'}")
    if not has_typst():
        (folder / "dataset_report.pdf").unlink(missing_ok=True)
        narrator.say(
            f"The package typst is missing, so that {folder} holds no dataset_report.pdf: pip install typst."
        )
        return
    write_bytes(folder / "dataset_report.pdf", typeset(document, moment))
    narrator.say(f"Report: {folder / 'dataset_report.pdf'}")
