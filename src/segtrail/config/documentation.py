"""``docs/configuration.md`` and ``docs/config.schema.json``, made from the schema.

``python -m segtrail.config.documentation docs`` writes both; a test fails when they are stale.
"""

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from segtrail.atomic import write_text
from segtrail.config.inheritance import RUN_KEYS, RUN_SECTIONS, STAGE_SECTIONS
from segtrail.config.schema import Config

_INTRODUCTION = """# Configuration

Every key of `configs/*.yaml`, its type, its default and what it does. This page is made from the schema
(`python -m segtrail.config.documentation docs`); don't edit it by hand.

A key is changed in the file, or for one run on the command line: `segtrail train configs/quick.yaml
train.max_epochs=10 "patch.patch_size=[96,96,64]"`. Values are read as YAML; quotes keep zsh and PowerShell from
changing brackets. A key that is not listed here is
refused, with the nearest known one. Editors that know YAML schemas complete and check the files through
[config.schema.json](config.schema.json).
"""
_STAGES = """Each stage is a network of its own. The order in the file is the order of work, and at most two work
one after the other: the first looks at the whole volume, the second at the region that the first finds.

A stage takes over what stands above it, key by key, and gives only what differs:
{sections}.
A list is replaced whole, and so is `model` where its `name` differs. A stage that is left empty takes over everything.
`region` is for the second stage. What is the run's is given once, above the stages:
{run_sections}; and these keys:
{keys}.

```yaml
paths: {{data_root: data/Task02_Heart}}
train: {{seed: 1, max_epochs: 60}}
model: {{name: fast}}
stages:
  coarse:
    preprocess: {{spacing: [4.0, 4.0, 4.0]}}
    patch: {{patch_size: null}}
    train: {{max_epochs: 30}}
  fine:
    patch: {{patch_size: null}}
    region: {{margin_mm: 20}}
```

On the command line `stages.fine.train.max_epochs=10` changes one stage, and `train.max_epochs=10` every stage that
gives none of its own; it is refused where each does. `config_resolved.yaml` holds every stage complete.
"""
_NETWORKS = "`model` takes the keys of the network that `model.name` names."


def configuration_page() -> str:
    """Return the text of ``docs/configuration.md``."""
    parts = [_INTRODUCTION]
    for name, field in Config.model_fields.items():
        parts.append(f"## {name}\n\n{field.description}\n")
        sections = _sections_of(field.annotation)
        if name == "stages":
            parts.append(_describe_stages())
        elif not sections:
            parts.append(_table([(name, field)]))
        elif len(sections) > 1:
            parts.append(_NETWORKS + "\n")
            parts += [
                f"### {_title(section)}\n\n{_doc(section)}\n\n{_table(_keys(name, section))}"
                for section in sections
            ]
        else:
            parts.append(_table(_keys(name, sections[0])))
    return "\n".join(parts)


def json_schema() -> str:
    """Return the text of ``docs/config.schema.json``."""
    schema = Config.model_json_schema()
    schema["title"] = "segtrail configuration"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_documentation(folder: Path) -> None:
    """Write both files into a folder."""
    write_text(folder / "configuration.md", configuration_page())
    write_text(folder / "config.schema.json", json_schema())


def _describe_stages() -> str:
    keys = [f"{section}.{key}" for section, names in RUN_KEYS.items() for key in names]
    return _STAGES.format(
        sections=_listed(STAGE_SECTIONS),
        run_sections=_listed(RUN_SECTIONS),
        keys=textwrap.fill(_listed(keys), width=118),
    )


def _listed(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _keys(prefix: str, section: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        below = _sections_of(field.annotation)
        if below:
            yield from _keys(f"{prefix}.{name}", below[0])
        else:
            yield f"{prefix}.{name}", field


def _table(keys: Any) -> str:
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for key, field in keys:
        kind = _describe_type(field.annotation, field.metadata).replace("|", "\\|")
        rows.append(f"| `{key}` | {kind} | {_describe_default(field)} | {field.description} |")
    return "\n".join(rows) + "\n"


def _describe_default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "must be given"
    text = (
        yaml.safe_dump(_plain(field.default), default_flow_style=True, width=1000)
        .strip()
        .removesuffix("...")
        .strip()
    )
    return f"`{text}`"


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _describe_type(annotation: Any, metadata: list[Any] | None = None) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    limits = _describe_limits(metadata or [])
    if origin is Annotated:
        return _describe_type(arguments[0], list(arguments[1:]))
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"list of {_describe_type(arguments[0])}"
        return f"{len(arguments)} x {_describe_type(arguments[0])}"
    if origin is dict:
        return f"mapping of {_describe_type(arguments[0])} to {_describe_type(arguments[1])}"
    if annotation is Any:
        return "any value"
    if arguments and isinstance(arguments[0], (str, bool, int)):
        return " or ".join(f"`{_yaml_word(value)}`" for value in arguments)
    if arguments:
        return " or ".join(_describe_type(argument) for argument in arguments)
    words = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null"}
    return words[annotation] + limits


def _describe_limits(metadata: list[Any]) -> str:
    signs = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    limits = []
    for item in metadata:
        for part in getattr(item, "metadata", [item]):
            limits += [
                f"{word} {getattr(part, sign):g}"
                for sign, word in signs.items()
                if getattr(part, sign, None) is not None and getattr(part, sign) < 2**53
            ]
    return f" ({', '.join(limits)})" if limits else ""


def _yaml_word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sections_of(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [section for argument in get_args(annotation) for section in _sections_of(argument)]


def _title(section: type[BaseModel]) -> str:
    literal = get_args(section.model_fields["name"].annotation)
    return f"`{literal[0]}`" if len(literal) == 1 else "a network of your own"


def _doc(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    write_documentation(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
