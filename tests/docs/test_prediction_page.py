"""A folder of predictions is what docs/predict.md and docs/schemas say."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from jsonschema import Draft202012Validator

Command = Callable[..., Any]
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "predict.md").read_text(encoding="utf-8")
SCHEMA = json.loads((DOCS / "schemas" / "prediction.schema.json").read_text(encoding="utf-8"))
TABLE = json.loads((DOCS / "schemas" / "volumes.table.json").read_text(encoding="utf-8"))
PARSERS = {"string": str, "integer": int, "number": float}


def problems(content: Any) -> list[str]:
    errors = Draft202012Validator(SCHEMA).iter_errors(content)
    return [f"{error.json_path}: {error.message}" for error in errors]


def property_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for part in schema.values():
            yield from property_names(part)


@pytest.fixture
def predictions(tmp_path: Path, quick_run_dir: Path, segtrail: Command) -> Path:
    """Predictions of one image like the training images, one unlike them and one that fails."""
    own = quick_run_dir.parents[2] / "data" / "imagesTr" / "case_2.nii.gz"
    coarse, broken = tmp_path / "coarse.nii.gz", tmp_path / "broken.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((8, 8, 8), np.int16), np.diag([4.0, 4.0, 4.0, 1.0])), coarse)
    broken.write_bytes(b"no gzip")
    command = ["predict", quick_run_dir, own, coarse, broken, "--probabilities", "--output", tmp_path / "out"]
    assert segtrail(*command).exit_code == 1
    return tmp_path / "out"


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_record_follows_its_schema_in_every_state(predictions: Path) -> None:
    record = json.loads((predictions / "prediction.json").read_text(encoding="utf-8"))
    assert {case["status"] for case in record["cases"]} == {"done", "failed"}
    assert problems(record) == []
    done = next(case for case in record["cases"] if case["status"] == "done")
    blank = {"output": None, "probabilities": None, "picture": None, "mode": None, "seconds": None}
    started = {**done, **blank, "status": "started", "volumes_ml": {}, "voxels": {}, "warnings": []}
    assert problems({**record, "ended_utc": None, "cases": [started]}) == []
    assert problems({**record, "cases": [{**done, "output": None}]}) != []


def test_the_record_of_a_run_of_two_stages_follows_its_schema(
    tmp_path: Path, staged_run_dir: Path, staged_data: Path, segtrail: Command
) -> None:
    empty = tmp_path / "empty.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((40, 36, 24), np.int16), np.diag([1.0, 1.0, 2.0, 1.0])), empty)
    inputs = (staged_data / "imagesTr" / "case_5.nii.gz", empty)
    assert segtrail("predict", staged_run_dir, *inputs, "--output", tmp_path / "out").exit_code == 0
    record = json.loads((tmp_path / "out" / "prediction.json").read_text(encoding="utf-8"))
    assert problems(record) == []
    found, nothing = record["cases"]
    assert found["regions"]
    assert nothing["guard"]


def test_a_key_that_is_missing_or_unknown_is_found(predictions: Path) -> None:
    record = json.loads((predictions / "prediction.json").read_text(encoding="utf-8"))
    assert problems({**record, "surprise": 1}) != []
    for key in record:
        assert problems({name: value for name, value in record.items() if name != key}) != []


def test_the_table_follows_its_schema(predictions: Path) -> None:
    with (predictions / "volumes.csv").open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    assert reader.fieldnames == [field["name"] for field in TABLE["fields"]]
    assert [row["unlike_training"] for row in rows] == ["false", "true"]
    for row in rows:
        for field in TABLE["fields"]:
            value = PARSERS[field["type"]](row[field["name"]])
            assert list(Draft202012Validator(field.get("constraints", {})).iter_errors(value)) == []


def test_every_key_column_and_file_is_explained_on_the_page(predictions: Path) -> None:
    names = {*property_names(SCHEMA), *(field["name"] for field in TABLE["fields"])}
    names |= {
        path.relative_to(predictions).as_posix().replace("case_2", "CASE").replace("coarse", "CASE")
        for path in predictions.rglob("*")
        if path.is_file() and path.name != ".lock"  # Windows deletes it
    }
    assert sorted(name for name in names if f"`{name}`" not in PAGE) == []
