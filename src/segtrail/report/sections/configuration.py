"""Every configuration value of a run, those that are not the default marked."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from segtrail.config.schema import Config, StageConfig
from segtrail.report.parts import Column, Heading, Paragraph, Part, Row, Table
from segtrail.report.wording import MISSING

_MARK = "*"
_MARK_MEANS = f"{_MARK} marks what is not the default."
_ALL_VALUES = f"Every value of config_resolved.yaml, defaults and overrides included. {_MARK_MEANS}"


def configuration_section(config: Mapping[str, Any] | None) -> list[Part]:
    """Build the table of every configuration value.

    Args:
        config: config_resolved.yaml.

    Returns:
        The table, or a sentence where there is no configuration.
    """
    if not config:
        text = "The configuration is not recorded: config_resolved.yaml is missing or empty."
        return [Heading("Configuration"), Paragraph(text, style="missing")]
    stages = config.get("stages")
    if not isinstance(stages, Mapping) or len(stages) < 2:
        return [Heading("Configuration"), _table_of_values(config, _ALL_VALUES, defaults_of_run(config))]
    of_run = {key: value for key, value in config.items() if key != "stages"}
    return [
        Heading("Configuration"),
        _table_of_values(of_run, f"{_ALL_VALUES} Those of the stages follow.", defaults_of_run(of_run)),
        _table_of_stages(stages),
    ]


def _table_of_values(config: Mapping[str, Any], caption: str, defaults: Mapping[str, str]) -> Table:
    rows = [Row([_marked(key, value, defaults), value]) for key, value in flatten(config)]
    columns = [Column("Key", 1.1, code=True), Column("Value", 1, code=True)]
    return Table(columns, rows, caption, side_by_side=True)


def _table_of_stages(stages: Mapping[str, Any]) -> Table:
    """The stages beside each other, so that what differs shows."""
    values = {
        name: dict(flatten(section)) if isinstance(section, Mapping) else {}
        for name, section in stages.items()
    }
    keys = dict.fromkeys(key for of_stage in values.values() for key in of_stage)
    defaults = [defaults_of_stage(section) for section in stages.values()]
    rows = [
        Row(
            [
                key,
                *(
                    _shown(of_stage, key, usual)
                    for of_stage, usual in zip(values.values(), defaults, strict=True)
                ),
            ]
        )
        for key in keys
    ]
    columns = [Column("Key under stages.NAME", 1.4, code=True)]
    columns += [Column(name, 1, code=True) for name in values]
    return Table(columns, rows, f"Every value of the stages; {MISSING} where a stage has none. {_MARK_MEANS}")


def _shown(of_stage: Mapping[str, str], key: str, defaults: Mapping[str, str]) -> str:
    value = of_stage.get(key)
    return MISSING if value is None else f"{_marked('', value, defaults, key)}{value}"


def _marked(shown: str, value: str, defaults: Mapping[str, str], key: str = "") -> str:
    """Put a mark before what is not the default; without known defaults nothing is marked."""
    is_default = not defaults or defaults.get(key or shown) == value
    return shown if is_default else f"{_MARK} {shown}"


def defaults_of_run(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the defaults of a configuration with the same network, by dotted key; none where it is not known."""
    return _defaults(Config, {**_named_network(config), "paths": {"data_root": ""}})


def defaults_of_stage(section: Any) -> dict[str, str]:
    """Return the defaults of a stage with the same network, by dotted key; none where it is not known."""
    return _defaults(StageConfig, _named_network(section) if isinstance(section, Mapping) else {})


def _named_network(config: Mapping[str, Any]) -> dict[str, Any]:
    model = config.get("model")
    name = model.get("name") if isinstance(model, Mapping) else None
    return {} if name is None else {"model": {"name": name}}


def _defaults(kind: type[Config] | type[StageConfig], given: Mapping[str, Any]) -> dict[str, str]:
    try:
        return dict(flatten(kind.model_validate(given).model_dump(mode="json")))
    except ValidationError:  # a network of another version, or a damaged entry
        return {}


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Walk a nested mapping as dotted keys with their values as text.

    Args:
        values: The mapping.
        prefix: What stands before each key.

    Yields:
        Key and value; an empty mapping is a value.
    """
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            text = (
                value
                if isinstance(value, str) and value
                else json.dumps(value, ensure_ascii=False, default=str)
            )
            yield f"{prefix}{key}", text
