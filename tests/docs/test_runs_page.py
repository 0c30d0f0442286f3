"""docs/runs.md names every column as the program has it."""

import re
from pathlib import Path

from segtrail.run_index.indexed_run import COLUMNS

PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")


def test_the_page_lists_every_column_with_its_kind_and_meaning() -> None:
    section = PAGE.partition("## Columns")[2].partition("##")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(column.name, column.kind.value, column.meaning) for column in COLUMNS.values()]
