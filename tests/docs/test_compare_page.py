"""The page on comparisons explains every key of comparison.json, every column of the table, and every option."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segtrail.run_comparison.paired_test import FEWEST_PAIRS, LEVEL

Command = Callable[..., Any]
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "compare.md").read_text(encoding="utf-8")


def property_names(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for part in schema for name in property_names(part)}
    if not isinstance(schema, dict):
        return set()
    return {*schema.get("properties", {}), *property_names(list(schema.values()))}


def test_every_key_of_comparison_json_is_explained() -> None:
    schema = json.loads((DOCS / "schemas" / "comparison.schema.json").read_text(encoding="utf-8"))
    assert {name for name in property_names(schema) if f"`{name}`" not in PAGE} == set()


def test_every_option_is_explained(segtrail: Command) -> None:
    options = set(re.findall(r"--[a-z][a-z-]+", segtrail("compare", "--help").stdout))
    assert {option for option in options - {"--help"} if f"`{option}" not in PAGE} == set()


def test_the_numbers_of_the_test_are_those_of_the_program() -> None:
    assert FEWEST_PAIRS == 6
    assert "fewer than six cases differ" in PAGE
    assert f"below {LEVEL:g}" in PAGE


def test_the_page_calls_no_runs_equal() -> None:
    assert not re.search(r"\b(equal|equivalent|identical)\b", PAGE, re.IGNORECASE)
    assert '"No difference is shown" is not "there is none"' in PAGE
