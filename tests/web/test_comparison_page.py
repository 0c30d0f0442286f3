"""The page of a comparison."""

import json
import shutil
from pathlib import Path

from web_site import WebSite


def copy_under_another_id(run: Path, name: str) -> None:
    """Copy a run as if it had been trained once more."""
    copied = Path(shutil.copytree(run, run.parent / name))
    state = json.loads((copied / "run.json").read_text(encoding="utf-8"))
    (copied / "run.json").write_text(json.dumps({**state, "run_id": name}), encoding="utf-8")


def test_two_runs_are_compared_as_the_command_compares_them(site: WebSite, run_id: str) -> None:
    copy_under_another_id(site.runs / run_id, "run_20270101_000000")
    answer = site.get(f"/compare?run={run_id}&run=run_20270101_000000&side=val")
    assert answer.status_code == 200
    for heading in ("Summary", "What differs", "Curves", "Case by case", "Paired differences"):
        assert heading in answer.text


def test_one_run_or_none_is_answered_with_a_form(site: WebSite, run_id: str) -> None:
    for address in ("/compare", f"/compare?run={run_id}", f"/compare?run={run_id}&run="):
        answer = site.get(address)
        assert answer.status_code == 200
        assert "Name two runs or more" in answer.text


def test_runs_that_can_not_be_compared_are_answered_with_a_sentence(site: WebSite, run_id: str) -> None:
    (site.runs / "run_20270101_000000").mkdir()
    answer = site.get(f"/compare?run={run_id}&run=run_20270101_000000")
    assert answer.status_code == 400
    assert "run.json" in answer.text
    many = "&".join(f"run=run_2027010{number}_000000" for number in range(1, 10))
    for number in range(2, 10):
        copy_under_another_id(site.runs / run_id, f"run_2027010{number}_000000")
    assert site.get(f"/compare?{many}").status_code == 400


def test_a_run_that_is_not_there_is_not_found(site: WebSite, run_id: str) -> None:
    assert site.get(f"/compare?run={run_id}&run=..%2f..").status_code == 404
