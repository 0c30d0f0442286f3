"""The tables of a record, read cell by cell as they are."""

import csv
from pathlib import Path


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table, every cell as text, by its column.

    Raises:
        OSError: It can't be read.
        ValueError: It is no text in UTF-8.
        csv.Error: It is no table.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
