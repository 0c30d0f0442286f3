"""What a person says of a run: the text that is kept, and its file in the addenda."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from segtrail.dataset.names import holds_control_characters
from segtrail.errors import InputError
from segtrail.record.addenda import Addenda
from segtrail.record.manifest import ADDENDA
from segtrail.record.redaction import Redactor

SCHEMA_VERSION: Final = 1


class Statement(BaseModel):
    """The content of a statement's file; keys that a later version adds are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = SCHEMA_VERSION


_Statement = TypeVar("_Statement", bound=Statement)


def require_text(text: str, what: str, longest: int) -> str:
    """Return a text as it is kept: without blanks around it, with line feeds as line ends.

    Args:
        text: What was given.
        what: What it is, to begin a sentence with.
        longest: How many characters it may have.

    Raises:
        InputError: It is empty, too long, or holds what no text file should.
    """
    kept = text.replace("\r\n", "\n").strip()
    if not kept:
        raise InputError(f"{what} is empty. Nothing was written.")
    if len(kept) > longest:
        raise InputError(
            f"{what} has {len(kept):,} characters; at most {longest:,} are taken. Nothing was written."
        )
    if holds_control_characters(kept, but="\n\t"):
        raise InputError(f"{what} holds control characters. Give plain text. Nothing was written.")
    return kept


def require_line(text: str, what: str, longest: int) -> str:
    """Return a text of one line as it is kept.

    Raises:
        InputError: It has several lines, or ``require_text`` refuses it.
    """
    kept = require_text(text, what, longest)
    if "\n" in kept or "\t" in kept:
        raise InputError(f"{what} has more than one line, or tabs. Give one line. Nothing was written.")
    return kept


def without_machine(text: str) -> str:
    """Return a text without paths, login and host name of this machine."""
    return Redactor({}).redact(text)


def add_statement(run_dir: Path, kind: str, statement: Statement, action: str, actor: str | None) -> Path:
    """Add a statement to a sealed run.

    Args:
        run_dir: The run folder.
        kind: What its file's name begins with.
        statement: What is said.
        action: What the journal calls it.
        actor: Who says it.

    Returns:
        Its file in the addenda.

    Raises:
        InputError: The run is not sealed, or the folder can't be written.
    """
    text = json.dumps(statement.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    name = f"{kind}_{datetime.now(UTC):%Y%m%d_%H%M%S}.json"
    return Addenda(run_dir, actor).add_file(name, text.encode("utf-8"), action)


def list_statements(run_dir: Path, kind: str) -> list[Path]:
    """List the statements of one kind in the addenda of a run, in the order of their names, which is that of time."""
    return sorted((run_dir / ADDENDA).glob(f"{kind}_*.json"))


def read_statement(path: Path, kind: type[_Statement]) -> _Statement:
    """Read a statement.

    Args:
        path: Its file.
        kind: What it should be.

    Returns:
        The statement.

    Raises:
        InputError: It can't be read, is damaged, or of another schema version.
    """
    try:
        return kind.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
    except OSError as error:
        problem = str(error.strerror)
    except (ValueError, RecursionError) as error:
        problem = str(error)
    raise InputError(f"{ADDENDA}/{path.name} can't be read: {problem}.")
