"""Turning validation errors into sentences that name the key, the nearest known key and what was expected."""

import difflib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from segtrail.config.schema import Config


def explain_validation_error(error: ValidationError, source: str) -> str:
    """Describe every problem of a configuration.

    Args:
        error: What pydantic found.
        source: Name of the file the configuration came from.

    Returns:
        A heading and one line for every problem.
    """
    lines = [_explain_one(dict(details)) for details in error.errors()]
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


def _explain_one(details: dict[str, Any]) -> str:
    names, sections = _walk(list(details["loc"]))
    key = ".".join(names)
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
