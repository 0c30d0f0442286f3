"""Every bad input gets a sentence and an exit code, leaves nothing half-written and loses nothing."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bad_inputs import GROUPS, BadInput, Bench, page

from permissions import binding_permissions

Command = Callable[..., Any]
CASES = [(group, item) for group, items in GROUPS.items() for item in items]
HALF_WRITTEN = (".tmp", ".building", ".deleting", ".part", ".unpacking", ".restoring", ".sharing")


@pytest.fixture
def bench(
    tmp_path: Path, make_dataset: Callable[..., Any], tiny_config: Path, quick_run_dir: Path, monkeypatch: Any
) -> Bench:
    monkeypatch.chdir(tmp_path)
    return Bench(tmp_path, make_dataset(), tiny_config, quick_run_dir)


@contextmanager
def with_largest_file(n_bytes: int) -> Iterator[None]:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def set_up(item: BadInput) -> Iterator[None]:
    if item.setting in (None, "pipes"):
        yield
    elif item.setting == "another user":
        with binding_permissions():
            yield
    else:
        with with_largest_file(item.setting):
            yield


def contents(home: Path) -> dict[Path, str]:
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


def assert_nothing_is_lost_or_half_written(home: Path, before: dict[Path, str]) -> None:
    after = contents(home)
    assert {path: after.get(path) for path in before} == before
    assert [path for path in home.rglob("*") if path.name.endswith(HALF_WRITTEN)] == []
    for state in (home / "outputs" / "runs").glob("*/run.json") if (home / "outputs").is_dir() else ():
        if state not in before:
            assert json.loads(state.read_text(encoding="utf-8"))["status"] == "failed"


@pytest.mark.requirement("SAF-04")
@pytest.mark.parametrize(
    "item", [item for _, item in CASES], ids=[f"{group}-{item.what}" for group, item in CASES]
)
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_bad_input_is_answered(item: BadInput, as_json: bool, bench: Bench, segtrail: Command) -> None:
    if item.setting is not None and os.name == "nt":
        pytest.skip("Windows has other rights, limits and pipes")
    arguments = item.arrange(bench)
    before = contents(bench.home)
    with set_up(item):
        # What stands behind the command that is recorded is its own.
        place = 1 if arguments[0] == "record" else len(arguments)
        result = segtrail(*arguments[:place], *(["--json"] if as_json else []), *arguments[place:])
    assert result.exit_code == item.exit_code, result.stderr
    assert item.message in (result.stdout + result.stderr if item.command == "check" else result.stderr)
    assert "Traceback" not in result.stdout + result.stderr
    assert_nothing_is_lost_or_half_written(bench.home, before)
    if as_json:
        answer = json.loads(result.stdout)
        if item.command == "check" and item.exit_code == 1:
            assert answer["status"] == "failed"
        else:
            assert answer["exit_code"] == item.exit_code
            assert item.message in answer["error"]


def test_the_page_lists_them_all() -> None:
    documented = Path(__file__).parents[2] / "docs" / "bad-input.md"
    assert documented.read_text(encoding="utf-8") == page(), (
        "Write it anew: python tests/bad_input/bad_inputs.py docs/bad-input.md"
    )


def test_there_are_at_least_fifty() -> None:
    assert len(CASES) >= 50
