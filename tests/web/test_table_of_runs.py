"""The table of all runs: searching, sorting, pages."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from web_site import WebSite, copy_of_output_root

from run_copies import copy_run

MANY = 60


@pytest.fixture(scope="module")
def many_runs(quick_run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with 60 runs, of which two thirds are of another network."""
    root = copy_of_output_root(quick_run_dir, tmp_path_factory.mktemp("many") / "outputs")
    copy_run(quick_run_dir, root / "template")
    for number in range(MANY - 1):
        run = root / "runs" / f"run_20250101_0000{number:02d}"
        run.mkdir()
        state = json.loads((root / "template" / "run.json").read_text(encoding="utf-8"))
        state |= {
            "run_id": run.name,
            "note": f"the number {number}",
            "created_utc": f"2025-01-01T00:00:{number:02d}Z",
        }
        state["model"] = {**state["model"], "name": "dynunet" if number % 3 else "fast"}
        state.pop("stages", None)
        (run / "run.json").write_text(json.dumps(state), encoding="utf-8")
        for name in ("metrics_summary.json", "history.csv", "config_resolved.yaml", "dataset_summary.json"):
            (run / name).write_bytes((root / "template" / name).read_bytes())
    return root


@pytest.fixture
def many(many_runs: Path, make_site: Callable[..., WebSite]) -> Iterator[WebSite]:
    yield make_site(many_runs)


def rows(text: str) -> list[str]:
    return re.findall(r'rowheader"><a href="/runs/([^"]+)"', text)


def test_the_newest_runs_come_first_fifty_to_a_page(many: WebSite) -> None:
    first = many.get("/").text
    assert len(rows(first)) == 50
    assert f"1 to 50 of {MANY}" in first
    second = many.get("/?page=2").text
    assert f"51 to {MANY} of {MANY}" in second
    assert rows(second)[-1] == "run_20250101_000000"
    assert set(rows(first)) & set(rows(second)) == set()


def test_a_search_narrows_the_table_and_stays_in_the_links(many: WebSite) -> None:
    text = many.get("/?q=model%3Ddynunet").text
    assert "1 to 39 of 39 runs, out of 60" in " ".join(text.split())
    assert "q=model%3Ddynunet" in text
    assert rows(many.get("/?q=%22the+number+7%22").text) == ["run_20250101_000007"]


def test_a_head_of_a_column_sorts_and_a_second_click_turns_it(many: WebSite) -> None:
    text = many.get("/?sort=folder&order=asc").text
    assert rows(text)[0] == "run_20250101_000000"
    assert 'aria-sort="ascending"' in text
    assert 'href="/?sort=folder"' in text


def test_a_search_that_can_not_be_understood_is_answered_with_a_sentence(many: WebSite) -> None:
    answer = many.get("/?q=dicee%3E0.8")
    assert answer.status_code == 400
    assert "the nearest known one is dice" in answer.text
    assert many.get("/?sort=nothing").status_code == 400


@pytest.mark.parametrize("page", ["0", "-1", "x", "1e9", "99999999", "²", ""])
def test_an_odd_page_is_no_error(many: WebSite, page: str) -> None:
    assert many.get(f"/?page={page}").status_code == 200


def test_no_run_yet_is_said(tmp_path: Path, make_site: Callable[..., WebSite]) -> None:
    (tmp_path / "outputs" / "runs").mkdir(parents=True)
    assert "There is no run yet" in make_site(tmp_path / "outputs").get("/").text


def test_a_new_run_appears(site: WebSite, run_id: str) -> None:
    assert rows(site.get("/").text) == [run_id]
    (site.runs / "run_20270101_000000").mkdir()
    site.client.app._app.state.site.index._ended = -1000.0  # as if some seconds had passed
    assert "run_20270101_000000" in rows(site.get("/").text)
