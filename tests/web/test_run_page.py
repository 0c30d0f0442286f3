"""The page of one run, in whatever state its folder is."""

import json
import shutil
from pathlib import Path

import pytest
from web_site import WebSite


def test_a_finished_run_shows_result_verdict_curves_cases_figures_notes_and_files(
    site: WebSite, run_id: str
) -> None:
    text = site.get(f"/runs/{run_id}").text
    for heading in ("Result", "Verdict on the record", "At a glance", "Curves", "Cases", "Figures", "Files"):
        assert heading in text
    assert f'href="/runs/{run_id}/cases/case_2"' in text
    assert f'href="/runs/{run_id}/files/report.html"' in text
    assert "a note" in text
    assert "live.js" not in text


def test_curves_are_told_in_words_as_well(site: WebSite, run_id: str) -> None:
    text = site.get(f"/runs/{run_id}").text
    assert 'role="img" aria-label="Validation Dice: validation Dice from' in text


def as_running(run: Path, n_epochs: int) -> None:
    """Bring a copy of a run back to where it was in training."""
    for name in ("metrics_cases.csv", "metrics_summary.json", "report.html", "report.pdf", "manifest.json"):
        (run / name).unlink()
    state = json.loads((run / "run.json").read_text(encoding="utf-8"))
    state |= {"status": "running", "ended_utc": None, "ended_because": None}
    (run / "run.json").write_text(json.dumps(state), encoding="utf-8")
    lines = (run / "history.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (run / "history.csv").write_text("".join(lines[: n_epochs + 1]), encoding="utf-8", newline="\n")


def test_a_run_in_training_is_followed(site: WebSite, run_id: str) -> None:
    as_running(site.runs / run_id, 1)
    text = site.get(f"/runs/{run_id}").text
    assert "live.js" in text
    assert '<noscript><meta http-equiv="refresh"' in text
    assert "1 of 2 epochs have ended" in text
    assert "Verdict" not in text
    part = site.get(f"/runs/{run_id}/progress").text
    assert 'data-status="running"' in part
    assert '<progress max="2" value="1"' in part


def test_the_line_that_is_being_written_is_passed_over(site: WebSite, run_id: str) -> None:
    as_running(site.runs / run_id, 1)
    with (site.runs / run_id / "history.csv").open("a", encoding="utf-8") as stream:
        stream.write("main,2,0.3")
    assert "1 of 2 epochs have ended" in site.get(f"/runs/{run_id}/progress").text


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "history.csv",
        "dataset_summary.json",
        "metrics_cases.csv",
        "metrics_summary.json",
        "examples/examples.json",
    ],
)
@pytest.mark.parametrize("damage", ["cut", "no text", "gone", "folder", "later version"])
@pytest.mark.requirement("WEB-04")
def test_of_half_a_run_the_page_says_what_is_missing(
    site: WebSite, run_id: str, name: str, damage: str
) -> None:
    path = site.runs / run_id / name
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2] + b'"x')
    elif damage == "no text":
        path.write_bytes(b"\xff\xfe\x00" * 50)
    elif damage == "folder":
        path.mkdir()
    elif damage == "later version":
        later = content.replace(b'"schema_version": 1', b'"schema_version": 99').replace(b",1\n", b",99\n")
        path.write_bytes(later)
    page = site.get(f"/runs/{run_id}")
    assert page.status_code == 200
    if not (damage == "gone" and name in ("dataset_summary.json", "examples/examples.json")):
        assert "Not all of this run can be read" in page.text
        assert Path(name).name in page.text
    for address in ("/", f"/runs/{run_id}/progress", f"/runs/{run_id}/cases/case_2"):
        assert site.get(address).status_code == 200
    assert site.get(f"/compare?run={run_id}&run={run_id}x").status_code == 404


@pytest.mark.requirement("WEB-04")
def test_a_folder_that_is_no_run_is_listed_and_opened(site: WebSite) -> None:
    (site.runs / "run_20260101_000000").mkdir()
    assert "run_20260101_000000" in site.get("/").text
    page = site.get("/runs/run_20260101_000000")
    assert page.status_code == 200
    assert "run.json is missing" in page.text


@pytest.mark.requirement("WEB-04")
def test_a_run_that_vanished_is_not_found(site: WebSite, run_id: str) -> None:
    assert site.get(f"/runs/{run_id}").status_code == 200
    shutil.rmtree(site.runs / run_id)
    for address in ("", "/progress", "/cases/case_2", "/files/run.json", "/volumes/case_2/0.nii.gz"):
        answer = site.get(f"/runs/{run_id}{address}")
        assert answer.status_code == 404
        assert "Traceback" not in answer.text


def test_a_file_that_vanishes_while_the_page_is_made_is_said(
    site: WebSite, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanish(_: Path) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("segtrail.web.run_page.list_files", vanish)
    answer = site.get(f"/runs/{run_id}")
    assert answer.status_code == 404
    assert "No such file" in answer.text


def test_names_and_notes_stay_text(site: WebSite, run_id: str) -> None:
    path = site.runs / run_id / "run.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    state |= {"note": "<script>alert(1)</script>\u202eevil\x07", "project": '"><img src=x onerror=alert(1)>'}
    path.write_text(json.dumps(state), encoding="utf-8")
    odd = site.runs / "run_<b>&'\u202e"
    odd.mkdir()
    for address in ("/", f"/runs/{run_id}"):
        text = site.get(address).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>" not in text.replace("<b>Best", "").replace("<b>Median", "").replace(
            "<b>Worst", ""
        ).replace("<b>Flagged", "")
        assert "\u202e" not in text
        assert "\x07" not in text
