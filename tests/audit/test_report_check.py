"""The report carries files of its run, and verifying compares them."""

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from run_copies import copy_run
from segtrail.audit.verify import VerifyRequest, verify_run
from segtrail.progress import Narrator

CARRIED = {"metrics_summary.json", "metrics_cases.csv", "config_resolved.yaml", "manifest.json"}


@pytest.fixture
def run(quick_run_dir: Path, tmp_path: Path) -> Path:
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


def outcome_of(run: Path) -> tuple[str, str]:
    """Return status and evidence of the check of the report."""
    verification = verify_run(run, VerifyRequest(), Narrator())
    (outcome,) = [outcome for outcome in verification.outcomes if outcome.check == "report"]
    return outcome.status, "; ".join(outcome.evidence)


def test_the_report_carries_metrics_configuration_and_manifest_as_they_are(run: Path) -> None:
    attached = PdfReader(io.BytesIO((run / "report.pdf").read_bytes())).attachments
    assert set(attached) == CARRIED
    assert all(attached[name] == [(run / name).read_bytes()] for name in CARRIED)


def test_an_honest_run_passes(run: Path) -> None:
    assert outcome_of(run) == ("pass", ", ".join(sorted(CARRIED)))


@pytest.mark.parametrize("name", sorted(CARRIED))
def test_a_file_that_is_another_than_in_the_report_is_named(run: Path, name: str) -> None:
    with (run / name).open("ab") as stream:
        stream.write(b"\n")
    assert outcome_of(run) == ("fail", f"report.pdf carries another {name} than the run has")


def test_a_file_that_is_gone_is_named(run: Path) -> None:
    (run / "metrics_cases.csv").unlink()
    assert outcome_of(run) == ("fail", "report.pdf carries metrics_cases.csv, which the run does not have")


def test_other_line_ends_are_no_fault(run: Path) -> None:
    path = run / "metrics_cases.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert outcome_of(run)[0] == "pass"


def test_a_report_that_is_no_pdf_is_told(run: Path) -> None:
    (run / "report.pdf").write_bytes(b"%PDF-1.7 no more")
    assert outcome_of(run)[0] == "fail"
