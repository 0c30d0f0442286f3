"""The configuration that a run or a cross-validation began with, read back to go on with it."""

from pathlib import Path

from segtrail.config.load import load_config
from segtrail.config.schema import Config
from segtrail.record.local_paths import fill_in_placeholders, find_data_root
from segtrail.record.resolved_config import FILE_NAME


def read_recorded_config(
    folder: Path, output_root: Path, data_root: Path | None, changes: list[str] | None = None
) -> Config:
    """Read the configuration of a folder of the record.

    Args:
        folder: The folder of a run or a cross-validation.
        output_root: Where runs are written now.
        data_root: Where the data lie now; None where they lay.
        changes: Keys to change, as on the command line.

    Returns:
        The configuration with this machine's paths.

    Raises:
        InputError: The file can't be read, or this machine does not know where the data lie.
    """
    file = folder / FILE_NAME
    config = load_config(file, changes or [])
    root = data_root or Path(config.paths.data_root)
    if data_root is None and not root.expanduser().is_dir():
        root = find_data_root(folder)
    paths = {"data_root": str(root), "output_root": str(output_root)}
    config = config.model_copy(update={"paths": config.paths.model_copy(update=paths)})
    return fill_in_placeholders(config, file, {"paths.data_root"})
