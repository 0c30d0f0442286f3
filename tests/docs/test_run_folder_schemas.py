"""The files of a finished run are what docs/run-folder.md and docs/schemas say."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from run_copies import copy_run
from segtrail.evaluation.metrics import metric_definitions
from segtrail.experiment.evaluate_run import EvaluationRequest, evaluate_run
from segtrail.progress import Narrator
from segtrail.record.history import HistoryRow
from segtrail.record.local_paths import recall_data_root
from segtrail.record.run_folder import RunFolder, read_json
from segtrail.training.checkpoint import load_checkpoint

DOCS = Path(__file__).parents[2] / "docs"
JSON_FILES = {
    "run.json": "run.schema.json",
    "dataset_summary.json": "dataset_summary.schema.json",
    "metrics_summary.json": "metrics_summary.schema.json",
    "inference.json": "inference.schema.json",
    "calibration.json": "calibration.schema.json",
    "examples/examples.json": "examples.schema.json",
    "manifest.json": "manifest.schema.json",
    "test_uses.json": "test_uses.schema.json",
    "provenance/provenance.json": "provenance.schema.json",
    "provenance/packages.json": "packages.schema.json",
}
STAGED_FILES = {**JSON_FILES, "regions.json": "regions.schema.json"}
TABLES = {"history.csv": "history.table.json", "metrics_cases.csv": "metrics_cases.table.json"}
STATEMENTS = {
    "addenda/note_YYYYMMDD_HHMMSS.json": "note.schema.json",
    "addenda/signoff_YYYYMMDD_HHMMSS.json": "signoff.schema.json",
    "addenda/share_YYYYMMDD_HHMMSS.json": "share_secret.schema.json",
}
SCHEMAS = [*STAGED_FILES.values(), *STATEMENTS.values(), "evaluation.schema.json", "journal.schema.json"]
METRIC_COLUMNS = metric_definitions(())  # explained where their table is
PLACEHOLDERS = ("NETWORK", "RANK", "CASE", "DATASET", "YYYYMMDD", "HHMMSS", "NUMBER", "FILE")
PARSERS = {"string": str, "integer": int, "number": float}


def read_schema(name: str) -> dict[str, Any]:
    return json.loads((DOCS / "schemas" / name).read_text(encoding="utf-8"))


def problems(schema_name: str, content: Any) -> list[str]:
    errors = Draft202012Validator(read_schema(schema_name)).iter_errors(content)
    return [f"{error.json_path}: {error.message}" for error in errors]


def documented_sections() -> dict[str, str]:
    """The text of each section of the page whose heading names a file, by that name."""
    page = (DOCS / "run-folder.md").read_text(encoding="utf-8")
    parts = re.split(r"^## `([^`]+)`$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def as_pattern(documented_name: str) -> str:
    pattern = re.escape(documented_name)
    for placeholder in PLACEHOLDERS:
        pattern = pattern.replace(placeholder, "[^/]+")
    return pattern


def undocumented_files(run_dir: Path) -> list[str]:
    patterns = [as_pattern(name) for name in documented_sections()]
    files = [path.relative_to(run_dir).as_posix() for path in run_dir.rglob("*") if path.is_file()]
    return [file for file in files if not any(re.fullmatch(pattern, file) for pattern in patterns)]


def property_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from property_names(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from property_names(part)


def keys_explained(section: str) -> set[str]:
    """Keys with a row of their own."""
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        return list(reader.fieldnames or []), list(reader)


def field_of(table: dict[str, Any], column: str) -> dict[str, Any] | None:
    for field in table["fields"]:
        if re.fullmatch(field.get("pattern", re.escape(field["name"])), column):
            return field
    return None


def cell_problem(field: dict[str, Any], text: str) -> str | None:
    if text == "":
        return "empty" if field["required"] else None
    value = PARSERS[field["type"]](text)
    return next(iter(problems_of_value(field.get("constraints", {}), value)), None)


def problems_of_value(constraints: dict[str, Any], value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(constraints).iter_errors(value)]


@pytest.fixture
def saved_evaluation(quick_run_dir: Path, tmp_path: Path) -> tuple[dict[str, Any], Path]:
    """The answer of an evaluation of one case, and a copy of the run in which it was saved."""
    run_dir = tmp_path / "runs" / quick_run_dir.name
    copy_run(quick_run_dir, run_dir)
    data_root = recall_data_root(quick_run_dir)
    assert data_root is not None
    case = read_json(run_dir / "dataset_summary.json")["split"]["val"][0]
    request = EvaluationRequest(dataset=data_root, cases=[case], device="cpu", save=True)
    return evaluate_run(RunFolder(run_dir), request, Narrator()), run_dir


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_json_schema_2020_12(name: str) -> None:
    schema = read_schema(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.requirement("DOC-02")
@pytest.mark.parametrize(("file", "schema_name"), JSON_FILES.items())
def test_a_json_file_of_a_run_follows_its_schema(quick_run_dir: Path, file: str, schema_name: str) -> None:
    assert problems(schema_name, json.loads((quick_run_dir / file).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(("file", "schema_name"), STAGED_FILES.items())
def test_a_json_file_of_a_run_of_two_stages_follows_its_schema(
    staged_run_dir: Path, file: str, schema_name: str
) -> None:
    assert problems(schema_name, json.loads((staged_run_dir / file).read_text(encoding="utf-8"))) == []


def test_a_run_of_one_stage_has_no_regions(quick_run_dir: Path) -> None:
    assert not (quick_run_dir / "regions.json").exists()


@pytest.mark.parametrize(("file", "schema_name"), JSON_FILES.items())
def test_a_key_that_no_schema_names_is_found(quick_run_dir: Path, file: str, schema_name: str) -> None:
    content = json.loads((quick_run_dir / file).read_text(encoding="utf-8"))
    assert problems(schema_name, content | {"surprise": 1}) != []


@pytest.mark.parametrize(("file", "schema_name"), JSON_FILES.items())
def test_a_key_that_is_missing_is_found(quick_run_dir: Path, file: str, schema_name: str) -> None:
    content = json.loads((quick_run_dir / file).read_text(encoding="utf-8"))
    for key in content:
        assert problems(schema_name, {name: value for name, value in content.items() if name != key}) != []


@pytest.mark.parametrize("run", ["quick_run_dir", "staged_run_dir"])
def test_every_line_of_a_journal_follows_its_schema_and_is_explained(
    run: str, request: pytest.FixtureRequest
) -> None:
    lines = (request.getfixturevalue(run) / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    section = documented_sections()["journal.jsonl"]
    for line in map(json.loads, lines):
        assert problems("journal.schema.json", line) == []
        assert {name for name in (line["action"], *line["details"]) if f"`{name}`" not in section} <= {
            "resumed"
        }


def test_a_run_that_has_not_ended_follows_its_schema(quick_run_dir: Path) -> None:
    content = read_json(quick_run_dir / "run.json")
    running = content | {"status": "running", "ended_utc": None, "ended_because": None}
    assert problems("run.schema.json", running) == []
    assert problems("run.schema.json", content | {"status": "running"}) != []


def test_the_resolved_configuration_follows_the_configuration_schema(quick_run_dir: Path) -> None:
    schema = json.loads((DOCS / "config.schema.json").read_text(encoding="utf-8"))
    config = yaml.safe_load((quick_run_dir / "config_resolved.yaml").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(config)] == []


@pytest.mark.parametrize(("file", "table_name"), TABLES.items())
def test_a_table_of_a_run_has_the_columns_of_its_schema_in_order(
    quick_run_dir: Path, file: str, table_name: str
) -> None:
    table = read_schema(table_name)
    columns, rows = read_table(quick_run_dir / file)
    found = [field_of(table, column) for column in columns]
    places = [table["fields"].index(field) for field in found]
    assert places == sorted(places)
    assert {field["name"] for field in table["fields"]} == {field["name"] for field in found}
    assert rows


@pytest.mark.parametrize(("file", "table_name"), TABLES.items())
def test_every_cell_of_a_table_has_the_type_and_range_of_its_column(
    quick_run_dir: Path, staged_run_dir: Path, file: str, table_name: str
) -> None:
    table = read_schema(table_name)
    rows = [row for run_dir in (quick_run_dir, staged_run_dir) for row in read_table(run_dir / file)[1]]
    for row in rows:
        for column, text in row.items():
            assert cell_problem(field_of(table, column), text) is None, f"{column}: {text!r}"


def test_the_history_schema_names_the_columns_that_the_program_writes() -> None:
    names = [field["name"] for field in read_schema("history.table.json")["fields"]]
    assert names == [field.name for field in fields(HistoryRow)]


@pytest.mark.parametrize("run", ["quick_run_dir", "staged_run_dir"])
def test_the_keys_of_the_checkpoints_are_those_that_the_page_explains(
    run: str, request: pytest.FixtureRequest
) -> None:
    run_dir, sections = request.getfixturevalue(run), documented_sections()
    best, last = (load_checkpoint(run_dir / "checkpoints" / f"{name}.pt") for name in ("best", "last"))
    of_best, of_expectation = map(keys_explained, sections["checkpoints/best.pt"].split("`expectation`:"))
    of_last = keys_explained(sections["checkpoints/last.pt"])
    assert set(best) == of_best
    assert set(best["expectation"]) == of_expectation
    of_average = {"network_in_training", "average_steps"}
    assert set(last) | of_average == of_best | of_last
    assert (of_average <= set(last)) == (run == "staged_run_dir")


def test_an_evaluation_follows_its_schema_printed_and_saved(
    saved_evaluation: tuple[dict[str, Any], Path],
) -> None:
    printed, run_dir = saved_evaluation
    saved = [read_json(path) for path in run_dir.glob("addenda/evaluations/*/evaluation.json")]
    assert len(saved) == 1
    assert problems("evaluation.schema.json", json.loads(json.dumps(printed))) == []
    assert problems("evaluation.schema.json", saved[0]) == []


@pytest.mark.requirement("REC-01")
def test_every_file_of_a_run_is_documented(
    saved_evaluation: tuple[dict[str, Any], Path], staged_run_dir: Path
) -> None:
    _, run_dir = saved_evaluation
    assert undocumented_files(run_dir) == []
    assert undocumented_files(staged_run_dir) == []


def test_a_file_that_is_not_documented_is_found(quick_run_dir: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / quick_run_dir.name
    copy_run(quick_run_dir, run_dir)
    (run_dir / "predictions" / "surprise.txt").touch()
    assert undocumented_files(run_dir) == ["predictions/surprise.txt"]


@pytest.mark.requirement("DOC-02")
@pytest.mark.parametrize(("file", "schema_name"), {**STAGED_FILES, **STATEMENTS}.items())
def test_every_key_of_a_json_schema_is_explained_on_the_page(file: str, schema_name: str) -> None:
    section = documented_sections()[file]
    names = set(property_names(read_schema(schema_name))) - set(METRIC_COLUMNS)
    assert {name for name in names if f"`{name}`" not in section} == set()


def test_every_key_of_an_evaluation_is_explained_on_the_page() -> None:
    pages = documented_sections()
    files = (
        "addenda/evaluations/DATASET_YYYYMMDD_HHMMSS/evaluation.json",
        "metrics_summary.json",
        "metrics_cases.csv",
        "calibration.json",
        "inference.json",
    )
    section = "".join(pages[file] for file in files)
    names = set(property_names(read_schema("evaluation.schema.json")))
    assert {name for name in names if f"`{name}`" not in section} == set()


@pytest.mark.parametrize(("file", "table_name"), TABLES.items())
def test_every_column_of_a_table_schema_is_explained_on_the_page(file: str, table_name: str) -> None:
    section = documented_sections()[file]
    names = [field["name"] for field in read_schema(table_name)["fields"]]
    assert [name for name in names if f"`{name}`" not in section] == []
