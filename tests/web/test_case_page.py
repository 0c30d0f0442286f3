"""The page of a case, and the journal of who looked at which."""

from collections.abc import Callable
from pathlib import Path

import pytest
from web_site import WebSite, copy_of_output_root

from segtrail.record.journal import find_breaks, read_journal


def test_a_case_names_its_volumes_its_classes_and_its_metrics(site: WebSite, run_id: str) -> None:
    text = site.get(f"/runs/{run_id}/cases/case_2").text
    for layer in ("Image", "Reference", "Prediction"):
        assert f"&#34;name&#34;: &#34;{layer}&#34;" in text
    assert "ball" in text
    assert "Dice" in text
    assert f'href="/runs/{run_id}/cases/case_3"' in text


def test_a_training_case_has_no_prediction_and_the_page_says_so(site: WebSite, run_id: str) -> None:
    page = site.get(f"/runs/{run_id}/cases/case_0")
    assert page.status_code == 200
    assert "There is no prediction" in page.text


@pytest.mark.requirement("WEB-03")
def test_each_view_of_a_case_is_a_line_of_a_chained_journal(
    quick_run_dir: Path, tmp_path: Path, make_site: Callable[..., WebSite]
) -> None:
    site = make_site(copy_of_output_root(quick_run_dir, tmp_path / "outputs"), actor="A. Reader")
    for case in ("case_2", "case_3", "case_2"):
        site.get(f"/runs/{quick_run_dir.name}/cases/{case}")
    site.get(f"/runs/{quick_run_dir.name}/volumes/case_2/0.nii.gz")
    entries = read_journal(site.output_root / "data_access.jsonl")
    assert [(entry.action, entry.details["case"]) for entry in entries] == [
        ("case viewed", "case_2"),
        ("case viewed", "case_3"),
        ("case viewed", "case_2"),
    ]
    assert {entry.actor for entry in entries} == {"A. Reader"}
    assert entries[0].details["run_id"] == quick_run_dir.name
    assert entries[0].details["files"] == [
        "imagesTr/case_2.nii.gz",
        "labelsTr/case_2.nii.gz",
        "predictions/case_2.nii.gz",
    ]
    assert find_breaks(entries) == []


@pytest.mark.requirement("WEB-03")
def test_a_volume_without_its_page_is_a_view_too(site: WebSite, run_id: str) -> None:
    site.get(f"/runs/{run_id}/volumes/case_4/1.nii.gz")
    assert [line["details"]["case"] for line in site.views()] == ["case_4"]


@pytest.mark.requirement("WEB-03")
def test_a_view_that_can_not_be_noted_shows_nothing(site: WebSite, run_id: str) -> None:
    (site.output_root / "data_access.jsonl").mkdir()
    for address in ("cases/case_2", "volumes/case_2/0.nii.gz"):
        answer = site.get(f"/runs/{run_id}/{address}")
        assert answer.status_code == 503
        assert "can&#39;t be" in answer.text
        assert "case_2.nii.gz" not in answer.text


def test_looking_changes_nothing_in_a_run(site: WebSite, run_id: str) -> None:
    def state() -> dict[str, bytes]:
        files = [path for path in (site.runs / run_id).rglob("*") if path.is_file()]
        return {path.as_posix(): path.read_bytes() for path in files}

    before = state()
    for address in ("", "/progress", "/cases/case_2", "/volumes/case_2/2.nii.gz", "/files/run.json"):
        assert site.get(f"/runs/{run_id}{address}").status_code == 200
    assert state() == before


@pytest.mark.parametrize("case", ["case_99", "..", "%2e%2e", "case_2%00", ".case", "a%2fb", "x" * 400])
def test_a_case_that_the_run_does_not_have_is_not_found(site: WebSite, run_id: str, case: str) -> None:
    assert site.get(f"/runs/{run_id}/cases/{case}").status_code in (200, 404)
    assert site.views() == []


def test_data_that_are_gone_are_named_and_the_rest_is_shown(site: WebSite, run_id: str) -> None:
    (site.output_root / "local_paths" / f"{run_id}.json").unlink()
    page = site.get(f"/runs/{run_id}/cases/case_2")
    assert page.status_code == 200
    assert "does not know where the data of the run lie" in page.text
    assert "&#34;name&#34;: &#34;Prediction&#34;" in page.text
    assert "&#34;name&#34;: &#34;Image&#34;" not in page.text


def test_without_the_viewer_the_page_says_how_to_get_it(
    site: WebSite, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segtrail.web.case_page.is_viewer_there", lambda: False)
    text = site.get(f"/runs/{run_id}/cases/case_2").text
    assert "scripts/fetch_viewer.py" in text
    assert "niivue" not in text


def test_a_damaged_summary_of_the_data_is_said(site: WebSite, run_id: str) -> None:
    (site.runs / run_id / "dataset_summary.json").write_text("{", encoding="utf-8")
    page = site.get(f"/runs/{run_id}/cases/case_2")
    assert page.status_code == 200
    assert "dataset_summary.json can&#39;t be read" in page.text
