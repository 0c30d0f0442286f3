"""Results by group: what is computed, and when the report shows it."""

import json

import pytest
from made_reports import make_report
from pypdf import PdfReader

from segtrail.report.case_groups import torn_groups
from segtrail.report.record_schema import CaseRow
from segtrail.report.run_contents import read_run
from segtrail.report.sections.groups import group_results


def row(case: str, dice: float, status: str = "ok", class_name: str = "ball") -> CaseRow:
    values = {"case": case, "split": "val", "class": class_name, "status": status, "dice": dice}
    return CaseRow.model_validate(values)


def read_text(path) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(path).pages)
    return " ".join(text.replace("\u200b", "").split())


def test_a_group_has_mean_spread_and_its_worst_case():
    rows = [row("a", 0.5), row("b", 0.7), row("c", 0.9, "missed"), row("d", 0.1)]
    low, high = group_results(rows, {"a": "east", "b": "east", "c": "west"})
    assert (low.name, low.mean, low.worst, low.n_failed) == ("east", pytest.approx(0.6), "a", 0)
    assert low.sd == pytest.approx(0.02**0.5)
    assert (high.name, high.sd, high.n_failed) == ("west", None, 1)


def test_the_classes_of_a_case_are_averaged():
    (group,) = group_results([row("a", 0.2), row("a", 0.6, class_name="cube")], {"a": "east"})
    assert group.dice == {"a": pytest.approx(0.4)}


def test_groups_of_the_configuration_have_their_results(make_run):
    run = make_run()
    run.write_config(split={"groups": {"centre $A$": ["la_008", "la_009"], "centre B": ["la_010"]}})
    text = read_text(make_report(run.path))
    assert "Results by group" in text
    assert "centre $A$ 2 0.846 0.000 la_008 0.846 0" in text
    assert "1 case without a group not counted." in text


def test_groups_of_two_sources_may_have_one_name(make_run):
    run = make_run()
    cases = [
        {"case": f"la_{number:03d}", "side": "train" if number < 8 else "val", "group": None}
        for number in range(12)
    ]
    cases[0]["group"] = cases[1]["group"] = "1"
    run.change_json("dataset_summary.json", cases=cases)
    run.write_config(split={"groups": {"1": ["la_008", "la_009"]}})
    assert torn_groups(read_run(run.path)) == []
    run.write_config(split={"groups": {"1": ["la_002", "la_009"]}})
    assert torn_groups(read_run(run.path)) == ["1"]
    assert "on more than one side: 1" in read_text(make_report(run.path))


def test_groups_of_the_data_set_have_their_results(make_run):
    run = make_run()
    summary = json.loads((run.path / "dataset_summary.json").read_text(encoding="utf-8"))
    for number, case in enumerate(summary["cases"]):
        case["group"] = f"patient {number // 2}"
    run.change_json("dataset_summary.json", cases=summary["cases"])
    assert "patient 4 2 0.846" in read_text(make_report(run.path))


@pytest.mark.parametrize(
    "groups",
    [{}, {"one": ["la_008", "la_009"]}, {"one": ["la_008"], "two": ["la_009"]}],
    ids=["none", "a single one", "single cases"],
)
def test_groups_that_say_nothing_are_not_shown(make_run, groups):
    run = make_run()
    run.write_config(split={"groups": groups})
    assert "Results by group" not in read_text(make_report(run.path))


def test_of_many_groups_the_twenty_lowest_are_shown(make_run):
    run = make_run(n_val=60, classes=[f"organ {k}" for k in range(5)])
    run.write_config(split={"groups": {f"g{k}": [f"la_{8 + k:03d}", f"la_{38 + k:03d}"] for k in range(30)}})
    text = read_text(make_report(run.path))
    assert (
        "Validation, class mean: Dice by group, the lowest mean first. The 20 with the lowest mean of 30."
        in text
    )
