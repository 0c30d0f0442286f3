"""The report carries files of its run, and verifying compares them."""

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from run_copies import copy_run
from segtrail.audit.verify import VerifyRequest, verify_run
from segtrail.progress import Narrator
from segtrail.report.carried_files import read_carried_files

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
    assert read_carried_files((run / "report.html").read_bytes()) == {
        name: (run / name).read_bytes() for name in CARRIED
    }


def test_an_honest_run_passes(run: Path) -> None:
    assert outcome_of(run) == ("pass", ", ".join(sorted(CARRIED)))


@pytest.mark.parametrize("name", sorted(CARRIED))
def test_a_file_that_is_another_than_in_the_report_is_named(run: Path, name: str) -> None:
    with (run / name).open("ab") as stream:
        stream.write(b"\n")
    status, evidence = outcome_of(run)
    assert status == "fail"
    for report in ("report.pdf", "report.html"):
        assert f"{report} carries another {name} than the run has" in evidence


def test_a_file_that_is_gone_is_named(run: Path) -> None:
    (run / "metrics_cases.csv").unlink()
    status, evidence = outcome_of(run)
    assert status == "fail"
    for report in ("report.pdf", "report.html"):
        assert f"{report} carries metrics_cases.csv, which the run does not have" in evidence


def test_other_line_ends_are_no_fault(run: Path) -> None:
    path = run / "metrics_cases.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert outcome_of(run)[0] == "pass"


def test_a_report_that_is_no_pdf_is_told(run: Path) -> None:
    (run / "report.pdf").write_bytes(b"%PDF-1.7 no more")
    assert outcome_of(run)[0] == "fail"


def test_a_run_of_a_version_without_web_pages_passes(run: Path) -> None:
    (run / "report.html").unlink()
    assert outcome_of(run) == ("pass", ", ".join(sorted(CARRIED)))


def test_a_file_that_was_changed_in_the_web_page_is_named(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    marked = 'download="metrics_cases.csv" href="data:text/csv;base64,'
    assert marked in page
    (run / "report.html").write_text(page.replace(marked, f"{marked}AAAA"), encoding="utf-8")
    assert outcome_of(run) == ("fail", "report.html carries another metrics_cases.csv than the run has")


@pytest.mark.parametrize("content", [b"\xff\xfe", b'<a download="x.csv" href="https://example.org">x</a>'])
def test_a_web_page_that_can_not_be_read_is_told(run: Path, content: bytes) -> None:
    (run / "report.html").write_bytes(content)
    status, evidence = outcome_of(run)
    assert status == "fail"
    assert "report.html can't be read" in evidence


def test_a_file_that_the_web_page_leaves_out_is_named(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    marked = 'download="metrics_cases.csv"'
    assert marked in page
    (run / "report.html").write_text(page.replace(marked, ""), encoding="utf-8")
    assert outcome_of(run) == ("fail", "report.html does not carry metrics_cases.csv")


@pytest.mark.parametrize("twice", ["download", "href"])
def test_an_attribute_that_is_there_twice_makes_a_web_page_unreadable(twice: str) -> None:
    page = '<a download="a.csv" href="data:text/csv;base64,QQ==">a.csv</a>'
    assert read_carried_files(page.encode()) == {"a.csv": b"A"}
    doubled = page.replace(f"{twice}=", f'{twice}="data:text/csv;base64,Qg==" {twice}=')
    with pytest.raises(ValueError, match="has an attribute twice"):
        read_carried_files(doubled.encode())
