"""What the rules let out, field by field: what they do not know stays, and is counted without being named."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from shared_copies import edit_json

from run_copies import copy_run
from segtrail.config.load import load_config
from segtrail.config.schema import Config
from segtrail.evaluation.calibration import DEFINITION
from segtrail.sharing.configuration import configuration_rule
from segtrail.sharing.contents import CopyContents, make_contents
from segtrail.sharing.rules import LeftOut, Place
from segtrail.sharing.terms import Choices, Terms

SALT = bytes(range(32))
DECIDED_TO_STAY = {
    "project",
    "paths.output_root",
    "paths.cache_root",
    "data.description_file",
    "model.arguments",
}

WORDS = (
    "auto",
    "best",
    "cpu",
    "fp32",
    "adamw",
    "constant",
    "a4",
    "dice_ce",
    "unet3d",
    "batch",
    "zscore",
    "${data_root}",
)


def contents_of(run: Path, **choices: bool) -> CopyContents:
    return make_contents(run, SALT, Choices(**choices))


def texts(contents: CopyContents) -> str:
    return "\n".join(content.decode("utf-8") for content in contents.files.values())


def shared_json(contents: CopyContents, path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(contents.files[path])
    return content


def unknown(contents: CopyContents, file: str | None) -> int:
    return sum(
        entry.count
        for entry in contents.share.left_out
        if entry.file == file and "does not know" in entry.because
    )


STRANGERS: list[tuple[str, str, Callable[[dict[str, Any]], object]]] = [
    ("a key of a run", "run.json", lambda content: content.update(smith_john="of ward 9")),
    ("a key below another", "run.json", lambda content: content["device"].update(smith_john="of ward 9")),
    ("a text for a number", "run.json", lambda content: content["seconds"].update(train="smith_john")),
    ("a key of a data set", "dataset_summary.json", lambda content: content.update(smith_john=9)),
    ("a key of a case", "dataset_summary.json", lambda content: content["cases"][0].update(smith_john=9)),
    ("a key of the metrics", "metrics_summary.json", lambda content: content.update(smith_john=[9])),
    ("a metric", "metrics_summary.json", lambda content: content["definitions"].update(smith_john={})),
    (
        "a key of a machine",
        "provenance/provenance.json",
        lambda content: content["machine"].update(smith_john=9),
    ),
    (
        "a key of a package",
        "provenance/packages.json",
        lambda content: content["packages"][0].update(smith_john=9),
    ),
    ("a key of a bill", "provenance/sbom.cdx.json", lambda content: content["metadata"].update(smith_john=9)),
]


@pytest.mark.requirement("SHA-01")
@pytest.mark.parametrize(("what", "file", "change"), STRANGERS, ids=[one[0] for one in STRANGERS])
def test_what_the_rules_do_not_know_stays_and_is_counted_without_its_name(
    what: str, file: str, change: Callable[[dict[str, Any]], object], run: Path
) -> None:
    before = unknown(contents_of(run), file)
    edit_json(run / file, change)
    contents = contents_of(run)
    assert "smith_john" not in texts(contents), what
    assert unknown(contents, file) == before + 1


def test_a_column_that_is_not_known_stays(run: Path) -> None:
    path = run / "metrics_cases.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines = [f"{line},{more}" for line, more in zip(lines, ["age_of_smith", "47", "48", "49"], strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    contents = contents_of(run)
    assert "smith" not in texts(contents)
    assert ",47" not in contents.files["metrics_cases.csv"].decode()
    assert unknown(contents, "metrics_cases.csv") == 1


def test_a_file_that_is_not_known_stays_and_its_name_too(run: Path) -> None:
    (run / "smith_john.json").write_text("{}", encoding="utf-8")
    contents = contents_of(run)
    assert "smith" not in texts(contents) + " ".join(contents.files)
    assert unknown(contents, None) == 1


def test_no_text_stands_in_a_table_but_names_of_classes_sides_and_pseudonyms(run: Path) -> None:
    contents = contents_of(run)
    rows = list(csv.DictReader(contents.files["metrics_cases.csv"].decode().splitlines()))
    words = {value for row in rows for value in row.values() if any(letter.isalpha() for letter in value)}
    assert {word for word in words if not word.startswith("shared_case_")} == {"val", "test", "ball", "ok"}


def test_nothing_of_a_single_image_is_in_the_summary_of_the_data(run: Path) -> None:
    summary = shared_json(contents_of(run, description=True), "dataset_summary.json")
    assert all(entry.keys() == {"case", "side", "group"} for entry in summary["cases"])
    assert '"affine": [' not in json.dumps(summary)
    assert "sha256" not in json.dumps(summary)


def test_what_checks_found_is_counted_by_case_and_not_told(run: Path) -> None:
    def find(content: dict[str, Any]) -> None:
        check = next(one for one in content["checks"] if one["id"] == "duplicate-images")
        check |= {"status": "failed", "findings": [{"case": "la_003", "evidence": "it is la_007 again"}]}
        content["checks"].append({**check, "id": "smiths-own-check", "title": "by Smith"})

    edit_json(run / "dataset_summary.json", find)
    checks = shared_json(contents_of(run), "dataset_summary.json")["checks"]
    assert "smiths-own-check" not in {one["id"] for one in checks}
    found = next(one for one in checks if one["id"] == "duplicate-images")
    assert found["title"] == "No image stands under two names"
    assert [one["evidence"] for one in found["findings"]] == ["not shared"]
    assert found["findings"][0]["case"].startswith("shared_case_")


def test_cases_that_were_left_out_have_pseudonyms_too(run: Path) -> None:
    def leave_out(content: dict[str, Any]) -> None:
        content["left_out"] = [{"case": "smith_john", "checks": ["finite", "smiths-own-check"]}]

    edit_json(run / "dataset_summary.json", leave_out)
    contents = contents_of(run)
    assert contents.pseudonyms.cases["smith_john"].startswith("shared_case_")
    (entry,) = shared_json(contents, "dataset_summary.json")["left_out"]
    assert entry == {"case": contents.pseudonyms.cases["smith_john"], "checks": ["finite"]}
    assert "smith" not in texts(contents)


def test_a_run_that_was_gone_on_with_tells_that_without_commands_and_hashes(run: Path) -> None:
    differences = [
        {"what": "torch", "before": "2.6", "now": "2.7"},
        {"what": "own code smith.nets:Net", "before": "0123456789ab", "now": "unknown"},
    ]
    resumed = {
        "resumed_utc": "2026-01-01T00:00:00Z",
        "segtrail_version": "0.1.0",
        "start_command": "segtrail resume /home/smith",
        "stage": "main",
        "epoch": 1,
        "steps": 0,
        "differences": differences,
    }
    parent = {"run_id": "run_20260101_000000", "fingerprint": "0" * 64, "stage": "main", "epoch": 1}
    parent["differences"] = []
    edit_json(run / "run.json", lambda content: content.update(resumed=[resumed], parent=parent))
    contents = contents_of(run)
    shared = shared_json(contents, "run.json")
    assert shared["parent"] == {
        "run_id": "run_20260101_000000",
        "stage": "main",
        "epoch": 1,
        "differences": [],
    }
    assert [one["what"] for one in shared["resumed"][0]["differences"]] == ["torch", "own code"]
    assert "smith" not in texts(contents)
    assert "0" * 64 not in contents.files["run.json"].decode()


def test_own_code_is_not_named_unless_it_goes_along(run: Path) -> None:
    path = run / "config_resolved.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["model"] = {"name": "smith.nets:Net", "arguments": {"width": 8, "of": "Smith"}}
    config["augment"]["transforms"] = ["smith.changes:turn"]
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    hidden = contents_of(run)
    assert "mith" not in texts(hidden)
    shared = yaml.safe_load(hidden.files["config_resolved.yaml"])
    assert (shared["model"]["name"], shared["augment"]["transforms"]) == (
        "own_code:Network",
        ["own_code:transform"],
    )
    named = yaml.safe_load(contents_of(run, code=True).files["config_resolved.yaml"])
    assert named["model"] == {"name": "smith.nets:Net", "arguments": {"width": 8}}


def test_a_run_of_an_older_version_is_shared_with_what_it_has(run: Path) -> None:
    for path in (run / "provenance").iterdir():
        path.unlink()
    (run / "inference.json").unlink()
    edit_json(
        run / "run.json", lambda content: [content.pop(key) for key in ("stages", "program_sha256", "energy")]
    )
    edit_json(
        run / "dataset_summary.json", lambda content: [content.pop(key) for key in ("left_out", "reading")]
    )
    rows = [line.partition(",")[2] for line in (run / "history.csv").read_text(encoding="utf-8").splitlines()]
    (run / "history.csv").write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    contents = contents_of(run)
    assert "provenance/provenance.json" not in contents.files
    assert not contents_of(run, code=True).share.included.code
    assert contents.files["history.csv"].decode().splitlines() == rows


def test_a_definition_of_calibration_that_is_not_that_of_the_program_stays(run: Path) -> None:
    edit_json(run / "calibration.json", lambda content: content.update(definition="As smith_john says."))
    contents = contents_of(run)
    assert "smith_john" not in texts(contents)
    assert shared_json(contents, "calibration.json")["definition"] == DEFINITION


def test_the_configuration_of_a_copy_can_be_read(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "config_resolved.yaml"
    path.write_bytes(contents_of(run).files["config_resolved.yaml"])
    shared, original = load_config(path), load_config(run / "config_resolved.yaml")
    assert shared.project.operator is None
    assert shared.stage_configs() == original.stage_configs()
    assert set(shared.split.groups) == {contents_of(run).pseudonyms.groups["Family X"]}


def keys_of(part: Any, definitions: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Walk the keys of a JSON schema, those of every alternative."""
    if "$ref" in part:
        part = definitions[part["$ref"].rpartition("/")[2]]
    alternatives = [one for key in ("anyOf", "oneOf", "allOf") for one in part.get(key, [])]
    below = [key for one in alternatives for key in keys_of(one, definitions, prefix)]
    below += [
        key
        for name, one in part.get("properties", {}).items()
        for key in keys_of(one, definitions, f"{prefix}{name}.")
    ]
    yield from below or [prefix.removesuffix(".")]


def test_every_key_of_the_configuration_is_decided_to_go_out_or_to_stay(run: Path) -> None:
    """A new key stays until somebody says that it is harmless; this test asks for the decision."""
    schema = Config.model_json_schema()
    known = {key for key in keys_of(schema, schema["$defs"]) if not key.startswith("stages")}
    assert {"train.loss.name", "model.channels", "augment.affine.scale_range", "optim.lr"} <= known
    terms = Terms(Choices(), contents_of(run).pseudonyms, (), "0" * 64)
    stay = {key for key in known if not goes_out(key, terms)}
    assert stay == {
        key for key in known if key in DECIDED_TO_STAY or key.partition(".")[0] in DECIDED_TO_STAY
    }


def goes_out(key: str, terms: Terms) -> bool:
    """Tell whether some value of a key goes out."""
    for value in (1, True, None, [1], [], {}, *WORDS):
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        shared: Any = configuration_rule(terms)(nested, Place("", LeftOut()))
        for part in key.split(".")[:-1]:
            shared = shared.get(part, {})
        if key.rpartition(".")[2] in shared:
            return True
    return False


def test_the_same_run_in_another_place_gives_the_same_contents(run: Path, tmp_path: Path) -> None:
    other = copy_run(run, tmp_path / "elsewhere" / "renamed")
    assert contents_of(run, weights=True).files == contents_of(other, weights=True).files
