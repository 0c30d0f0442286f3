"""The page on archives explains every key of archive.json and every option."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "archive.md").read_text(encoding="utf-8")


def property_names(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for part in schema for name in property_names(part)}
    if not isinstance(schema, dict):
        return set()
    return {*schema.get("properties", {}), *property_names(list(schema.values()))}


def test_every_key_of_archive_json_is_explained() -> None:
    schema = json.loads((DOCS / "schemas" / "archive.schema.json").read_text(encoding="utf-8"))
    assert {name for name in property_names(schema) if f"`{name}`" not in PAGE} == set()


@pytest.mark.parametrize("command", ["archive", "restore"])
def test_every_option_is_explained(command: str, segtrail: Command) -> None:
    options = set(re.findall(r"--[a-z][a-z-]+", segtrail(command, "--help").stdout))
    assert {option for option in options - {"--help", "--output-root"} if f"`{option}" not in PAGE} == set()
