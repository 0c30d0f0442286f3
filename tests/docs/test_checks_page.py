"""docs/checks.md lists the checks as they are, and its file follows its schema."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from segtrail.dataset.checking.checks import CHECKS

DOCS = Path(__file__).parents[2] / "docs"


def rows():
    lines = (DOCS / "checks.md").read_text(encoding="utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]
    return [row for row in cells if len(row) == 5]


def test_every_check_is_listed_with_its_severity_and_title():
    listed = [(row[0].strip("`"), row[1], row[2]) for row in rows()]
    assert listed == [(check.id, check.severity, check.title) for check in CHECKS]


def test_what_an_allowed_error_does_is_listed():
    kept = {row[0].strip("`") for row in rows() if row[4] == "keeps the case"}
    assert kept == {"geometry", "label-empty"}
    left_out = {
        row[0].strip("`") for row in rows() if row[4] in ("leaves the case out", "leaves the entry out")
    }
    assert left_out == {check.id for check in CHECKS if check.forbids_case}


def test_the_written_answer_follows_its_schema(make_dataset, segtrail, tmp_path):
    folder = make_dataset(2)
    (folder.root / "labelsTr/case_0.nii.gz").unlink()
    segtrail("check", folder.root, "--output", tmp_path / "out")
    answer = json.loads((tmp_path / "out" / "checks.json").read_text(encoding="utf-8"))
    schema = json.loads((DOCS / "schemas" / "checks.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(answer)] == []


def test_the_front_page_counts_the_checks_right():
    assert f"{len(CHECKS)} checks" in (DOCS.parent / "README.md").read_text(encoding="utf-8")
