"""The page on shared copies explains every key of share.json, every option, and every file that stays."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segtrail.sharing.reasons import all_reasons

Command = Callable[..., Any]
DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "share.md").read_text(encoding="utf-8")


def property_names(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for part in schema for name in property_names(part)}
    if not isinstance(schema, dict):
        return set()
    return {*schema.get("properties", {}), *property_names(list(schema.values()))}


def test_every_key_of_share_json_is_explained() -> None:
    schema = json.loads((DOCS / "schemas" / "share.schema.json").read_text(encoding="utf-8"))
    assert {name for name in property_names(schema) if f"`{name}`" not in PAGE} == set()


def test_every_option_is_explained(segtrail: Command) -> None:
    options = set(re.findall(r"--[a-z][a-z-]+", segtrail("export", "--help").stdout))
    pages = PAGE + (DOCS / "export.md").read_text(encoding="utf-8")
    assert {option for option in options - {"--help", "--output-root"} if f"`{option}" not in pages} == set()


def test_every_file_that_is_known_to_stay_is_named() -> None:
    assert {file for file, _, _ in all_reasons() if f"`{file}`" not in PAGE} == set()


def test_nothing_is_said_to_be_anonymous_or_to_meet_a_law() -> None:
    assert "pseudonymised, not anonymous" in PAGE
    assert not re.search(r"\b(compl(y|ies|iant|iance)|conform|certif|fulfil|GDPR)", PAGE, re.IGNORECASE)
