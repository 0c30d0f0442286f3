"""Crates of runs, validated with the validator that the makers of the profile use."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crate_validation import CONTEXT, fill_cache, find_issues

from run_copies import copy_run

Command = Callable[..., Any]
# What nobody put on record, or what segtrail does not have: an address.
NOT_ON_RECORD = {
    "RECOMMENDED: The Application SHOULD have a url",
    "RECOMMENDED: The SoftwareApplication id SHOULD be an absolute URI",
    "RECOMMENDED: The Root Data Entity SHOULD have a link to a Contextual Entity representing the `author` of the "
    "RO-Crate",
    "RECOMMENDED: The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
}

# Those that a crate uses of the context of RO-Crate 1.1.
TERMS = """
about actionStatus agent citation conformsTo contentSize datePublished description encodingFormat endTime error hasPart
identifier instrument license mentions name object result softwareRequirements softwareVersion startTime subjectOf url
value version
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def crate_of(segtrail: Command, tmp_path: Path) -> Callable[[Path], Path]:
    """Export a run, and return the folder of the crate."""

    def export(run_dir: Path) -> Path:
        result = segtrail("export", run_dir, "--to", "ro-crate", "--output", tmp_path / "out")
        assert result.exit_code == 0, result.stderr
        return tmp_path / "out" / f"{run_dir.name}_ro_crate"

    return export


@pytest.mark.requirement("EXP-09")
def test_the_crate_of_a_run_has_all_that_is_required_and_all_recommended_that_is_on_record(
    crate_of: Callable[[Path], Path], named_run_dir: Path, cache: Path
) -> None:
    assert set(find_issues(crate_of(named_run_dir), cache, "RECOMMENDED")) == NOT_ON_RECORD


def test_every_property_is_one_of_the_version_or_explained(
    crate_of: Callable[[Path], Path], named_run_dir: Path
) -> None:
    text = (crate_of(named_run_dir) / "ro-crate-metadata.json").read_text(encoding="utf-8")
    described = json.loads(text)
    address, added = described["@context"]
    used = {name for entity in described["@graph"] for name in entity if not name.startswith("@")}
    assert address == CONTEXT
    assert used - set(TERMS.split()) <= set(added) == {"environment", "sha256"}


@pytest.mark.parametrize("status", ["failed", "running"])
def test_the_crate_of_a_run_without_its_end_is_valid(
    crate_of: Callable[[Path], Path], named_run_dir: Path, tmp_path: Path, cache: Path, status: str
) -> None:
    run_dir = copy_run(named_run_dir, tmp_path / named_run_dir.name)
    state = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    state |= {"status": status, "ended_utc": None if status == "running" else state["ended_utc"]}
    (run_dir / "run.json").write_text(json.dumps(state), encoding="utf-8")
    for name in ("manifest.json", "dataset_summary.json", "checkpoints/best.pt"):
        (run_dir / name).unlink()
    assert not find_issues(crate_of(run_dir), cache, "REQUIRED")


def test_the_crate_of_a_shared_copy_is_valid(
    segtrail: Command, crate_of: Callable[[Path], Path], named_run_dir: Path, tmp_path: Path, cache: Path
) -> None:
    run_dir = copy_run(named_run_dir, tmp_path / named_run_dir.name)
    assert segtrail("export", run_dir, "--share", "--output", tmp_path / "shared").exit_code == 0
    [copy] = (tmp_path / "shared").iterdir()
    assert not find_issues(crate_of(copy), cache, "REQUIRED")


def test_the_crate_of_a_recorded_program_is_valid(
    segtrail: Command,
    crate_of: Callable[[Path], Path],
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("print('done')\n", encoding="utf-8")
    assert segtrail("record", "--no-report", "--", sys.executable, "train.py").exit_code == 0
    [record] = (tmp_path / "outputs" / "runs").iterdir()
    assert not find_issues(crate_of(record), cache, "REQUIRED")


def test_the_validator_sees_a_crate_that_is_not_valid(
    crate_of: Callable[[Path], Path], named_run_dir: Path, cache: Path
) -> None:
    crate = crate_of(named_run_dir)
    described = crate / "ro-crate-metadata.json"
    text = described.read_text(encoding="utf-8")
    described.write_text(text.replace('"instrument"', '"description"'), encoding="utf-8")
    (crate / named_run_dir.name / "history.csv").unlink()
    told = " ".join(find_issues(crate, cache, "REQUIRED"))
    assert "MUST have an instrument property" in told
    assert "history.csv" in told
