"""The runbook's checklist in the report: what the record holds of each point."""

from pathlib import Path

from made_reports import make_report
from pypdf import PdfReader

from segtrail.report.sections.checklist import FILES

RUNBOOK = (Path(__file__).parents[2] / "docs" / "RUNBOOK.md").read_text(encoding="utf-8")


def read_text(path) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(path).pages)
    return " ".join(text.replace("\u200b", "").split())


def test_each_point_of_the_runbook_is_answered_from_the_record(plain_report):
    text = read_text(plain_report).split("The runbook's checklist")[-1]
    assert "0 of 1 check passed, fingerprint bbbbbbbbbbbb" in text
    assert "hash cccccccccccc" in text
    assert "finished, 6 epochs on record" in text
    assert "4 cases, 4 rows, 0 failed on record" in text
    assert "every page, and the worst case above all to be done by a person" in text


def test_a_point_that_does_not_hold_is_missing(make_run):
    run = make_run()
    run.change_json("run.json", status="interrupted")
    run.write_config(split={"groups": {"patient A": ["la_000", "la_008"]}})
    text = read_text(make_report(run.path))
    assert "the run is interrupted not met" in text
    assert "on more than one side: patient A not met" in text


def test_missing_files_are_named(plain_report):
    text = read_text(plain_report)
    assert (
        f"Of {len(FILES)} files that a finished run has beside its report, these are missing: train.log"
        in text
    )


def test_the_points_are_those_of_the_runbook():
    titles = (
        "The data are checked and fingerprinted",
        "The split does not leak",
        "The configuration is resolved and kept",
        "The training finished",
        "Metrics are per case, on full volumes",
        "The report was read",
        "The record is archived",
    )
    assert all(f"**{title}.**" in RUNBOOK for title in titles)


def test_a_finished_run_has_every_file(quick_run_dir: Path):
    assert all((quick_run_dir / name).is_file() for name in FILES)
    text = read_text(quick_run_dir / "report.pdf")
    assert f"All {len(FILES)} files that a finished run has beside its report are there" in text
