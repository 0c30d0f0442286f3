"""The file of answers that a person fills in: its template, and reading it."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from segtrail.config.strict_yaml import StrictLoader
from segtrail.dataset.names import holds_control_characters, shown
from segtrail.errors import InputError
from segtrail.model_card.questions import MARK, QUESTIONS
from segtrail.record.redaction import Redactor

SCHEMA_VERSION = 1
_INTRODUCTION = """\
# What only a person can say in the model card of {run_id}.
# Write each answer on the lines below its key, every line indented by four blanks. What is left empty stays open.
# Then: segtrail card {run_id} --answers FILE
schema_version: {version}
run_id: {run_id}
answers:
"""


def template(run_id: str, answers: Mapping[str, str]) -> str:
    """Write the file that a person fills in.

    Args:
        run_id: The run.
        answers: What is answered already.

    Returns:
        YAML with the questions as comments.
    """
    parts = [_INTRODUCTION.format(run_id=run_id, version=SCHEMA_VERSION)]
    for question in QUESTIONS:
        lines = answers.get(question.id, "").splitlines() or [""]
        indented = "\n".join(f"    {line}" if line else "" for line in lines)
        parts.append(f"  # {question.text}\n  {question.id}: |\n{indented}\n")
    return "\n".join(parts)


def read_answers(path: Path, run_id: str) -> dict[str, str]:
    """Read a file of answers; machine paths, logins and host names are taken out.

    Args:
        path: The file.
        run_id: The run that it must be about.

    Returns:
        What is answered, by question.

    Raises:
        InputError: It can't be read, is about another run, or holds what is no answer.
    """
    content = _read_mapping(path)
    if content.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema_version {content.get('schema_version')}; this segtrail reads {SCHEMA_VERSION}."
        )
    if content.get("run_id") != run_id:
        raise InputError(f"{path} has answers about {shown(str(content.get('run_id')))}, not about {run_id}.")
    entries = content.get("answers")
    if not isinstance(entries, dict):
        raise InputError(
            f"{path} has no answers. `segtrail card {run_id} --template FILE` writes the questions."
        )
    redactor = Redactor({})
    answers = {key: redactor.redact(_answer(path, key, text)) for key, text in entries.items()}
    given = {key: text for key, text in answers.items() if text}
    if not given:
        raise InputError(f"{path} answers nothing. Write below the keys, every line indented by four blanks.")
    return {question.id: given[question.id] for question in QUESTIONS if question.id in given}


def _answer(path: Path, key: object, text: object) -> str:
    known = [question.id for question in QUESTIONS]
    if key not in known:
        near = difflib.get_close_matches(str(key), known, 1)
        raise InputError(
            f"{path} answers {shown(str(key))}, which is no question. "
            + (f"Did you mean {near[0]}?" if near else f"The questions are {', '.join(known)}.")
        )
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InputError(
            f"{path}: the answer to {key} is no text. Write it in quotes, or on the lines below |."
        )
    if MARK in text:
        raise InputError(
            f"{path}: the answer to {key} holds {MARK}, which marks places in the card. Leave it out."
        )
    if holds_control_characters(text, but="\n\t"):
        raise InputError(f"{path}: the answer to {key} holds control characters. Write it anew.")
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def _read_mapping(path: Path) -> dict[Any, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=StrictLoader)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        raise InputError(
            f"There is no file {path}. `segtrail card RUN --template FILE` writes the questions."
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file in UTF-8. Save it as UTF-8.") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{path} is not valid YAML{where}: {getattr(error, 'problem', None) or error}. Answers stand on the lines "
            "below |, every line indented by four blanks."
        ) from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds no answers. `segtrail card RUN --template FILE` writes the questions."
        )
    return content
