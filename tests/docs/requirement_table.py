"""The last column of docs/requirements.md, made from the markers of the tests.

``python tests/docs/requirement_table.py`` writes it; a test fails when it is stale.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "requirements.md"
_ROW = re.compile(r"^\| ([A-Z]{3}-[0-9]{2}) \| (.*?) \| (.*)\|$", re.MULTILINE)


def promises(page: str) -> list[str]:
    """Return the IDs of the promises, in the order of the page."""
    return [row[1] for row in _ROW.finditer(page)]


def collect_markers(root: Path) -> dict[str, list[str]]:
    """Find the tests that carry a marker, without running or importing them.

    Args:
        root: Folder of the tests.

    Returns:
        The tests by the ID that they show, each as ``file::name``.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for marked in filter(None, map(_marked, node.decorator_list)):
                    found[marked].append(f"{path.relative_to(root.parent).as_posix()}::{node.name}")
    return dict(found)


def with_tests(page: str, tests: Mapping[str, Sequence[str]]) -> str:
    """Write the tests of each promise into the last column of a page."""

    def row(match: re.Match[str]) -> str:
        names = " ".join(f"`{name}`" for name in tests.get(match[1], []))
        return f"| {match[1]} | {match[2]} | {names or 'none'} |"

    return _ROW.sub(row, page)


def _marked(decorator: ast.expr) -> str | None:
    """Return the ID in ``@pytest.mark.requirement("ID")``."""
    match decorator:
        case ast.Call(func=ast.Attribute(attr="requirement"), args=[ast.Constant(value=str(name))]):
            return name
    return None


if __name__ == "__main__":
    text = with_tests(PAGE.read_text(encoding="utf-8"), collect_markers(REPOSITORY / "tests"))
    PAGE.write_text(text, encoding="utf-8", newline="\n")
