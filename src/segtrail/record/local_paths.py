"""Where this machine keeps the data of a run or a cross-validation: beside their folders, never inside them."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from segtrail.atomic import write_json
from segtrail.config.schema import Config, PathsConfig
from segtrail.errors import InputError


def remember_paths(folder: Path, paths: PathsConfig) -> None:
    """Note where the data and the cache of a run lie on this machine, in ``OUTPUT_ROOT/local_paths``.

    Args:
        folder: ``OUTPUT_ROOT/runs/RUN_ID``, or ``OUTPUT_ROOT/cv/CV_ID``.
        paths: Its paths.
    """
    folders = {"data_root": paths.data_root, "cache_root": paths.cache_root}
    _remember(folder, {key: Path(path) for key, path in folders.items() if path})


def remember_data_root(folder: Path, data_root: Path) -> None:
    """Note where the data of the record of another program's training lie on this machine.

    Args:
        folder: ``OUTPUT_ROOT/runs/RUN_ID``.
        data_root: The data set.
    """
    _remember(folder, {"data_root": data_root})


def _remember(folder: Path, folders: Mapping[str, Path]) -> None:
    note = _note_of(folder)
    note.parent.mkdir(exist_ok=True)
    known = {key: str(path.expanduser().resolve()) for key, path in folders.items()}
    write_json(note, {"schema_version": 1, **known})


def forget_paths(folder: Path) -> None:
    """Take back the note of a folder that is given up."""
    _note_of(folder).unlink(missing_ok=True)


def recall_data_root(folder: Path) -> Path | None:
    """Return where the data of a run lay on this machine, if it still says so."""
    data_root = _recall(folder).get("data_root")
    return None if data_root is None else Path(data_root)


def _note_of(folder: Path) -> Path:
    folder = folder.resolve()
    return folder.parent.parent / "local_paths" / f"{folder.name}.json"


def _recall(folder: Path) -> dict[str, str]:
    """Return the folders by the name of their placeholder; none where the run was made elsewhere."""
    try:
        note = json.loads(_note_of(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(note, dict):
        return {}
    return {key: path for key, path in note.items() if key.endswith("_root") and isinstance(path, str)}


def find_data_root(folder: Path) -> Path:
    """Return where the data of a run or a cross-validation lie on this machine.

    Raises:
        InputError: This machine does not know it.
    """
    data_root = recall_data_root(folder)
    if data_root is None:
        raise InputError(
            f"This machine does not know where the data of {folder.resolve().name} lie. Say it with --data DIR."
        )
    return data_root


def fill_in_placeholders(config: Config, config_file: Path, changed: Collection[str] = ()) -> Config:
    """Replace the placeholders of a ``config_resolved.yaml`` by this machine's paths.

    Args:
        config: The configuration.
        config_file: Where it was read, so that a run's own note of its paths can be found.
        changed: Keys that were given on the command line; a path that a person typed is never replaced.

    Returns:
        The configuration with real paths.

    Raises:
        InputError: A placeholder is left that this machine knows no path for.
    """
    recalled = _recall(config_file.parent)
    known = {f"${{{name}}}": path for name, path in recalled.items()}
    if recalled:
        known["${output_root}"] = str(_note_of(config_file.parent).parent.parent)
    values = config.paths.model_dump()
    typed = bool({"paths", "paths.data_root"} & set(changed))
    if "data_root" in recalled and not typed and not Path(values["data_root"]).expanduser().is_dir():
        values["data_root"] = recalled[
            "data_root"
        ]  # a relative path, and training starts from another folder now
    if "cache_root" not in recalled and values["cache_root"] == "${cache_root}":
        values["cache_root"] = None  # of another machine; the cache is no part of the result
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
