"""Turning validation errors into sentences that name the key, the nearest known key and what was expected."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from segtrail.config.inheritance import STAGE_SECTIONS
from segtrail.config.schema import Config, StageConfig


def explain_validation_error(
    error: ValidationError, source: str, values: Mapping[str, Any] | None = None
) -> str:
    """Describe every problem of a configuration.

    Args:
        error: What pydantic found.
        source: Name of the file the configuration came from.
        values: What was read from it, so that a problem which the stages take over is told where it is written.

    Returns:
        A heading and one line for every problem.
    """
    shared = _problems_of_shared_sections(values or {})
    problems = [_where_written(dict(details), shared) for details in error.errors()]
    lines = list(dict.fromkeys(map(_explain_one, problems)))
    count = "a problem" if len(lines) == 1 else f"{len(lines)} problems"
    return "\n".join([f"The configuration {source} has {count}:", *(f"  {line}" for line in lines)])


_WORDINGS = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "tuple_type": "a list",
    "dict_type": "a section of keys and values",
    "model_type": "a section of keys and values",
    "model_attributes_type": "a section of keys and values",
    "finite_number": "a finite number",
    "too_long": "at most {max_length} entries",
}
_OWN_WORDS = ("value_error", "network_name")
_STAGE_NAME = "a stage's name is lower-case letters, digits and _, at most 30, and begins with a letter"
_Problems = dict[tuple[tuple[int | str, ...], str], dict[str, Any]]


def _problems_of_shared_sections(values: Mapping[str, Any]) -> _Problems:
    """Find what is wrong in the sections above the stages by themselves, by place and message."""
    try:
        StageConfig.model_validate({name: values[name] for name in STAGE_SECTIONS if name in values})
    except ValidationError as error:
        return {(details["loc"], details["msg"]): dict(details) for details in error.errors()}
    return {}


def _where_written(details: dict[str, Any], shared: _Problems) -> dict[str, Any]:
    """Return for a problem of a stage that of the section which it was taken over from, if it was."""
    above = shared.get((details["loc"][2:], details["msg"])) if details["loc"][:1] == ("stages",) else None
    if above is None:
        return details
    values = above["input"], details["input"]
    same = values[0] == values[1] or all(isinstance(value, Mapping) for value in values)
    return above if same else details


def _explain_one(details: dict[str, Any]) -> str:
    names, sections = _walk(list(details["loc"]))
    key = ".".join(names)
    if details["type"] == "stage_rule":
        return f"{key}: {details['msg']}."
    if details["loc"][-1:] == ("[key]",) and names[0] == "stages":
        return f"{key}: {_STAGE_NAME}."
    if details["type"] == "extra_forbidden":
        return f"{key}: this key is not known{_nearest(names, sections)}."
    if details["type"] == "missing":
        missing = "an entry is missing from the list" if names[-1].isdigit() else "this key must be given"
        return f"{key}: {missing}{_description(sections, names[-1])}."
    if details["type"] == "string_pattern_mismatch":
        return f"{key}: expected{_description(sections, _field_name(names))[1:]}{_found(details['input'])}."
    return f"{key}: {_expectation(details)}{_found(details['input'])}."


def _field_name(names: list[str]) -> str:
    """Return the last name that is no place in a list."""
    return next(name for name in reversed(names) if not name.isdigit())


def _expectation(details: dict[str, Any]) -> str:
    kind = details["type"]
    if kind in _OWN_WORDS:
        return str(details["msg"]).removeprefix("Value error, ")
    wording = _WORDINGS.get(kind)
    if wording is None:
        return f"expected {str(details['msg']).removeprefix('Input should be ')}"
    return f"expected {wording.format(**details.get('ctx', {}))}"


def _found(value: Any) -> str:
    return "" if isinstance(value, BaseModel) else f"; found {value!r}"


def _walk(location: list[Any]) -> tuple[list[str], list[type[BaseModel]]]:
    """Follow a location through the schema; tags of unions are no keys and are left out."""
    sections: list[type[BaseModel]] = [Config]
    names: list[str] = []
    for part in location:
        if part == "[key]":
            continue
        if names == ["stages"]:
            names.append(str(part))
            continue
        tagged = [section for section in sections if _tag_of(section) == part]
        if names and tagged and names[-1] == "model":
            sections = tagged
            continue
        if isinstance(part, str) and part.startswith(("literal[", "constrained-", "function-", "bool")):
            continue
        names.append(str(part))
        fields = [section.model_fields[part] for section in sections if part in section.model_fields]
        sections = [model for field in fields for model in _models_of(field)] or (
            sections if part is location[-1] else []
        )
    return names, sections


def _models_of(field: FieldInfo) -> Iterator[type[BaseModel]]:
    for annotation in _flatten(field.annotation):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation


def _flatten(annotation: Any) -> Iterator[Any]:
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from _flatten(argument)


def _tag_of(section: type[BaseModel]) -> str | None:
    if "name" not in section.model_fields:
        return None
    literal = get_args(section.model_fields["name"].annotation)
    return str(literal[0]) if len(literal) == 1 else "own"


def _nearest(names: list[str], sections: list[type[BaseModel]]) -> str:
    known = sorted({field for section in sections for field in section.model_fields})
    close = difflib.get_close_matches(names[-1], known, n=1, cutoff=0.5)
    if close:
        return f"; the nearest known one is {'.'.join([*names[:-1], close[0]])}"
    return f"; known here: {', '.join(known)}" if known else ""


def _description(sections: list[type[BaseModel]], name: str) -> str:
    for section in sections:
        field = section.model_fields.get(name)
        if field is not None and field.description:
            return f": {field.description.rstrip('.')}"
    return ""
