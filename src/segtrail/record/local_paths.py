"""Where this machine keeps the data of a run: beside the runs, never inside them."""

import json
from pathlib import Path

from segtrail.atomic import write_json
from segtrail.config.schema import Config, PathsConfig
from segtrail.errors import InputError


def remember_paths(output_root: Path, run_id: str, data_root: Path) -> None:
    """Note where the data of a run lie on this machine, in ``OUTPUT_ROOT/local_paths``."""
    folder = output_root / "local_paths"
    folder.mkdir(exist_ok=True)
    write_json(folder / f"{run_id}.json", {"schema_version": 1, "data_root": str(data_root.resolve())})


def recall_data_root(run_dir: Path) -> Path | None:
    """Return where the data of a run lay on this machine, if it still says so."""
    path = run_dir.resolve().parent.parent / "local_paths" / f"{run_dir.resolve().name}.json"
    try:
        return Path(json.loads(path.read_text(encoding="utf-8"))["data_root"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_data_root(run_dir: Path) -> Path:
    """Return where the data of a run lie on this machine.

    Raises:
        InputError: This machine does not know it.
    """
    data_root = recall_data_root(run_dir)
    if data_root is None:
        raise InputError(
            f"This machine does not know where the data of {run_dir.resolve().name} lie. Say it with --data DIR."
        )
    return data_root


def fill_in_placeholders(config: Config, config_file: Path) -> Config:
    """Replace the placeholders of a ``config_resolved.yaml`` by this machine's paths.

    Args:
        config: The configuration.
        config_file: Where it was read, so that a run's own note of its paths can be found.

    Returns:
        The configuration with real paths.

    Raises:
        InputError: A placeholder is left that this machine knows no path for.
    """
    known = {"${output_root}": str(config_file.resolve().parent.parent.parent)}
    data_root = recall_data_root(config_file.parent)
    if data_root is not None:
        known["${data_root}"] = str(data_root)
    values = config.paths.model_dump()
    if data_root is not None and not Path(values["data_root"]).expanduser().is_dir():
        values["data_root"] = str(data_root)  # a relative path, and training starts from another folder now
    for key, value in values.items():
        for placeholder, path in known.items():
            if isinstance(value, str):
                values[key] = value = value.replace(placeholder, path)
        if isinstance(value, str) and "${" in value:
            raise InputError(
                f"paths.{key} is {value}: the configuration comes from a run, and this machine does not know "
                f"where that was. Add paths.{key}=DIR{' or --data DIR' if key == 'data_root' else ''}."
            )
    return config.model_copy(update={"paths": PathsConfig(**values)})
