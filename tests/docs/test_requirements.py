"""Every promise of docs/requirements.md has a test, and the page names it."""

from pathlib import Path

import pytest
from requirement_table import PAGE, REPOSITORY, collect_markers, promises, with_tests

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.requirement("DOC-03")
def test_every_promise_has_a_test_and_every_marker_a_promise() -> None:
    assert sorted(collect_markers(REPOSITORY / "tests")) == sorted(promises(TEXT))


def test_the_table_is_not_stale() -> None:
    again = with_tests(TEXT, collect_markers(REPOSITORY / "tests"))
    assert again == TEXT, "Write it anew: python tests/docs/requirement_table.py"


def test_no_id_stands_for_two_promises() -> None:
    assert len(set(promises(TEXT))) == len(promises(TEXT)) >= 25


def test_a_promise_without_a_test_and_a_marker_without_a_promise_are_found(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    code = 'import pytest\n\n@pytest.mark.requirement("ABC-02")\ndef test_it() -> None: ...\n'
    (tests / "test_one.py").write_text(code, encoding="utf-8")
    page = "| ABC-01 | It holds. | stale |\n"
    found = collect_markers(tests)
    assert found == {"ABC-02": ["tests/test_one.py::test_it"]}
    assert promises(page) == ["ABC-01"]
    assert with_tests(page, found) == "| ABC-01 | It holds. | none |\n"
    assert (
        with_tests(page, {"ABC-01": found["ABC-02"]})
        == "| ABC-01 | It holds. | `tests/test_one.py::test_it` |\n"
    )
