"""The page on guidelines and regulations names only what is there, and promises nothing that is for people to judge."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from segtrail.cli.program import app

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "governance.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`]+)`")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
FRAMEWORKS = ["CLAIM", "TRIPOD+AI", "FUTURE-AI", "EU AI Act", "21 CFR 11.10(e)"]


def named_things() -> list[str]:
    return sorted({text for text in CODE.findall(PAGE) if not text.startswith("segtrail ")})


def named_commands() -> list[str]:
    return sorted({text for text in CODE.findall(PAGE) if text.startswith("segtrail ")})


def explained_things() -> Iterator[str]:
    """Everything that another page explains in code type: files, keys, questions."""
    for name in ("run-folder.md", "configuration.md", "model-card.md", "predict.md"):
        page = (DOCS / name).read_text(encoding="utf-8")
        yield from CODE.findall(re.sub(r"```.*?```", "", page, flags=re.DOTALL))


@pytest.mark.requirement("GOV-05")
@pytest.mark.parametrize("name", named_things())
def test_a_file_or_key_that_is_named_is_explained_elsewhere(name: str) -> None:
    assert name in set(explained_things())


@pytest.mark.parametrize("command", named_commands())
def test_a_command_that_is_named_is_there_with_its_options(command: str) -> None:
    group = typer.main.get_command(app)
    name, *options = command.split()[1:]
    found = group.commands[name]
    known = {option for parameter in found.params for option in parameter.opts}
    assert set(options) <= known


@pytest.mark.parametrize(
    "name", [name for name in named_things() if re.search(r"\.(json|csv|pt|zip|md|yaml|pdf|jsonl)$", name)]
)
def test_a_file_that_is_named_lies_in_a_finished_run(name: str, quick_run_dir: Path) -> None:
    of_later = {"addenda/journal.jsonl", "addenda/signature.sigstore.json", "data_access.jsonl"}
    assert (quick_run_dir / name).is_file() or name in of_later


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_text_has_a_table_and_a_dated_source(framework: str) -> None:
    (section,) = [part for title, part in SECTIONS.items() if title.startswith(framework)]
    source = section.split("Source: ")[1].split("\n\n")[0]
    assert re.search(r"\d{1,2} [A-Z][a-z]+ (19|20)\d\d", source)
    assert re.search(r"doi:|https?://", source)
    assert "| supported by | left to people |" in section


@pytest.mark.requirement("GOV-05")
def test_nothing_is_said_to_be_met() -> None:
    assert not re.search(r"\b(compl(y|ies|iant|iance)|conform|certif|fulfil)", PAGE, re.IGNORECASE)
    assert "supports" in PAGE.lower()
