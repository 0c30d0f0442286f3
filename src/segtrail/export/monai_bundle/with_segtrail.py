"""What is in a bundle that calls segtrail: two stages with their guard, or an average over mirror images."""

import shutil
from pathlib import Path
from typing import Any

from segtrail.atomic import write_json, write_text
from segtrail.errors import InputError
from segtrail.export.monai_bundle import segment_folder
from segtrail.export.monai_bundle.data_format import data_format
from segtrail.export.trained_run import TrainedRun

# All that segtrail.Run reads to segment.
_FILES_OF_RUN = ("dataset_summary.json", "checkpoints/best.pt")


def fill_with_segtrail(run: TrainedRun, target: Path) -> tuple[dict[str, Any], str]:
    """Write the part of the run that segments, code and ``configs/inference.json``.

    Args:
        run: The run.
        target: The folder of the bundle, with its folders.

    Returns:
        ``network_data_format`` of the metadata, and how the volumes are gone over, for the reader.

    Raises:
        InputError: A network is the user's own.
    """
    if run.record.own_code:
        raise InputError(
            f"{run.folder.name} has code of your own ({', '.join(run.record.own_code)}), which a bundle can't take "
            "along. --to onnx exports its networks."
        )
    for name in _FILES_OF_RUN:
        copy = target / "models" / "run" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run.folder / name, copy)
    write_json(target / "configs" / "inference.json", _inference())
    write_text(target / "scripts" / "__init__.py", "")
    shutil.copyfile(Path(segment_folder.__file__), target / "scripts" / "segment_folder.py")
    stages = run.loaded.config.stage_configs()
    how = f"segtrail itself segments, with the networks of {' and '.join(stages)}, so the masks are those of the run."
    pred = {"num_channels": 1, "dtype": "uint8", "value_range": [0, max(run.loaded.labels)]}
    return data_format(run, ["*", "*", "*"], False, pred), how


def _inference() -> dict[str, Any]:
    return {
        "imports": ["$from scripts.segment_folder import segment_folder"],
        "bundle_root": ".",
        "dataset_dir": "images",
        "output_dir": "predictions",
        "device": "auto",
        "run": ["$segment_folder(@bundle_root + '/models/run', @dataset_dir, @output_dir, @device)"],
    }
