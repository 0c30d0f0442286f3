"""The folder of a cross-validation is what docs/cross-validation.md and docs/schemas say."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from segtrail.evaluation.metrics import metric_definitions

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [(DOCS / name).read_text(encoding="utf-8") for name in ("cross-validation.md", "run-folder.md")]
FILES = {"cv.json": "cv.schema.json", "metrics_summary.json": "cv_metrics_summary.schema.json"}
PARSERS = {"string": str, "integer": int, "number": float}


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def schema(name: str) -> dict[str, Any]:
    return read_json(DOCS / "schemas" / name)


def problems(schema_name: str, content: Any) -> list[str]:
    errors = Draft202012Validator(schema(schema_name)).iter_errors(content)
    return [f"{error.json_path}: {error.message}" for error in errors]


def property_names(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from part.get("properties", {})
        for value in part.values():
            yield from property_names(value)


@pytest.mark.parametrize(("file", "schema_name"), FILES.items())
def test_a_file_follows_its_schema_which_misses_no_key(
    finished_cv_dir: Path, file: str, schema_name: str
) -> None:
    Draft202012Validator.check_schema(schema(schema_name))
    content = read_json(finished_cv_dir / file)
    assert problems(schema_name, content) == []
    assert problems(schema_name, {**content, "surprise": 1}) != []
    for key in content:
        assert problems(schema_name, {name: value for name, value in content.items() if name != key}) != []


def test_the_record_follows_its_schema_in_every_state(finished_cv_dir: Path) -> None:
    record = read_json(finished_cv_dir / "cv.json")
    blank = {"run_id": None, "seconds": None, "error": None}
    done, other = record["folds"]
    waiting, failed = {**other, **blank, "status": "waiting"}, {**other, **blank, "status": "failed"}
    ended = {"ended_utc": record["ended_utc"], "ended_because": "no"}
    running = {"status": "running", "ended_utc": None, "ended_because": None}
    resumed = [{"resumed_utc": record["created_utc"], "segtrail_version": "1", "environment": {}}]
    resumed[0]["environment"] = record["environment"]
    assert problems("cv.schema.json", {**record, **running, "folds": [done, waiting]}) == []
    assert problems("cv.schema.json", {**record, **ended, "status": "failed", "folds": [done, failed]}) == []
    assert problems("cv.schema.json", {**record, "resumed": resumed}) == []
    assert problems("cv.schema.json", {**record, "status": "running"}) != []
    assert problems("cv.schema.json", {**record, "folds": [done, {**other, **blank}]}) != []


def test_the_table_follows_its_schema(finished_cv_dir: Path) -> None:
    fields = schema("cv_metrics_cases.table.json")["fields"]
    with (finished_cv_dir / "metrics_cases.csv").open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    found = {
        column: next(
            field for field in fields if re.fullmatch(field.get("pattern", re.escape(field["name"])), column)
        )
        for column in reader.fieldnames or []
    }
    places = [fields.index(field) for field in found.values()]
    assert places == sorted(places)
    assert set(places) == set(range(len(fields)))
    for row in rows:
        for column, field in found.items():
            value = PARSERS[field["type"]](row[column])
            assert list(Draft202012Validator(field.get("constraints", {})).iter_errors(value)) == []


def test_the_table_is_that_of_a_run_with_two_columns_in_front() -> None:
    names = [field["name"] for field in schema("cv_metrics_cases.table.json")["fields"]]
    of_a_run = [field["name"] for field in schema("metrics_cases.table.json")["fields"]]
    assert names == ["fold", "run_id", *of_a_run]


def test_every_key_column_and_file_is_explained_on_the_page_or_with_the_run_folder(
    finished_cv_dir: Path,
) -> None:
    own, of_a_run = PAGES
    names = {name for schema_name in FILES.values() for name in property_names(schema(schema_name))}
    shared = {*metric_definitions(()), *property_names(schema("metrics_summary.schema.json"))}
    assert sorted(name for name in names - shared if f"`{name}`" not in own) == []
    assert sorted(name for name in names & shared if f"`{name}`" not in own + of_a_run) == []
    files = {path.name for path in finished_cv_dir.iterdir()}
    assert sorted(name for name in {*files, "fold", "run_id"} if f"`{name}`" not in own) == []
