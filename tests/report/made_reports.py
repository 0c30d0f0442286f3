"""The reports of a run, made for a test."""

from pathlib import Path

from segtrail.report.document import build_document
from segtrail.report.make import make_reports
from segtrail.report.run_contents import read_run
from segtrail.report.web_page import write_web_page


def make_report(run_dir: Path) -> Path:
    """Make the reports of a run and return the PDF."""
    pdf = make_reports(run_dir).pdf
    assert pdf is not None
    return pdf


def make_page(run_dir: Path) -> str:
    """Return the web page of a run, without the PDF, which takes longer."""
    return write_web_page(build_document(read_run(run_dir))).decode("utf-8")
