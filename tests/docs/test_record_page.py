"""The files of a record of another program are what docs/record.md and its schemas say."""

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from segtrail.recording.foreign_training import ForeignEpoch

Command = Callable[..., Any]
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "record.md").read_text(encoding="utf-8")
JSON_FILES = {
    "run.json": "recorded_run.schema.json",
    "metrics_summary.json": "recorded_metrics_summary.schema.json",
    "provenance/provenance.json": "provenance.schema.json",
    "provenance/packages.json": "packages.schema.json",
    "manifest.json": "manifest.schema.json",
    "examples/examples.json": "examples.schema.json",
}
# Copies a label map into its outputs, as the page says that a program may.
SCRIPT = """
import os, shutil
outputs = os.environ["SEGTRAIL_OUTPUTS"]
shutil.copytree("data/labelsTr", "maps")
{example}
"""


@pytest.fixture
def record(
    tmp_path: Path, make_dataset: Callable[..., Any], segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The record of a script that does what the page's example does."""
    monkeypatch.chdir(tmp_path)
    make_dataset()
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "script.py").write_text(SCRIPT.format(example=example), encoding="utf-8")
    measured = ("--data", "data", "--predictions", "maps", "--references", "data/labelsTr")
    answer = segtrail("record", *measured, "--", sys.executable, "script.py")
    assert answer.exit_code == 0, answer.stderr
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    return Path(run)


def read_schema(name: str) -> Any:
    return json.loads((DOCS / "schemas" / name).read_text(encoding="utf-8"))


def columns_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as stream:
        return next(csv.reader(stream))


@pytest.mark.requirement("DOC-02")
def test_the_json_files_of_a_record_follow_their_schemas(record: Path) -> None:
    for file, schema in JSON_FILES.items():
        validator = Draft202012Validator(read_schema(schema))
        errors = validator.iter_errors(json.loads((record / file).read_text(encoding="utf-8")))
        assert [f"{file}: {error.json_path}: {error.message[:80]}" for error in errors] == []
    lines = (record / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    validator = Draft202012Validator(read_schema("journal.schema.json"))
    assert all(validator.is_valid(json.loads(line)) for line in lines)


def test_the_tables_of_a_record_have_the_columns_of_the_page(record: Path) -> None:
    listed = [field["name"] for field in read_schema("data_files.table.json")["fields"]]
    assert columns_of(record / "data_files.csv") == listed
    assert all(f"| `{name}` |" in PAGE for name in listed)
    assert all(f"`{name}`" in PAGE for name in columns_of(record / "history.csv"))


def test_the_example_of_the_page_gives_a_history(record: Path) -> None:
    with (record / "history.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["train_loss"], row["val_dice"]) == ("0.83", "0.41")


def test_every_key_of_a_record_is_explained_on_the_page(record: Path) -> None:
    recorded = json.loads((record / "run.json").read_text(encoding="utf-8"))["recorded"]
    schema = read_schema("recorded_run.schema.json")["properties"]["recorded"]["properties"]
    assert recorded.keys() == schema.keys()
    assert [key for key in schema if f"| `{key}` |" not in PAGE] == []


def test_every_line_of_the_journal_is_named_on_the_page(record: Path) -> None:
    lines = (record / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    page = " ".join(PAGE.split())
    assert [
        json.loads(line)["action"] for line in lines if f"`{json.loads(line)['action']}`" not in page
    ] == []


def test_the_columns_of_an_epoch_are_those_of_the_page() -> None:
    assert [name for name in ForeignEpoch.__dataclass_fields__ if f"`{name}`" not in PAGE] == []
