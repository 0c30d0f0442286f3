"""A run as a bundle that MONAI's own command runs: without segtrail where MONAI's transforms can say what it does."""

from pathlib import Path
from typing import Any

from segtrail.atomic import write_json, write_text
from segtrail.export.monai_bundle.monai_alone import can_run_alone, fill_alone
from segtrail.export.monai_bundle.with_segtrail import fill_with_segtrail
from segtrail.export.trained_run import TrainedRun, open_trained_run

_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
)
_LICENCE = """The code in scripts/ and configs/ is part of segtrail, under the Apache License 2.0:
https://www.apache.org/licenses/LICENSE-2.0

The weights in models/ were trained on the data that docs/data_license.txt names. Whoever passes them on decides under
which licence, and looks whether that of the data allows it. For research use only.
"""


def export_monai_bundle(folder: Path, target: Path) -> dict[str, Any]:
    """Write the networks of a run as a MONAI bundle.

    Args:
        folder: The run folder.
        target: A new folder.

    Returns:
        The content of ``configs/metadata.json``.

    Raises:
        InputError: The run is not finished, or has code that a bundle can't take along.
    """
    run = open_trained_run(folder)
    for name in ("configs", "models", "docs", "scripts"):
        (target / name).mkdir()
    is_alone = can_run_alone(run)
    data_format, how = (fill_alone if is_alone else fill_with_segtrail)(run, target)
    metadata = _metadata(run, data_format, _packages(run, is_alone))
    write_json(target / "configs" / "metadata.json", metadata)
    write_text(target / "docs" / "README.md", _readme(run, how, is_alone))
    write_text(target / "docs" / "data_license.txt", _data_notice(run))
    write_text(target / "LICENSE", _LICENCE)
    return metadata


def _packages(run: TrainedRun, is_alone: bool) -> dict[str, str]:
    nibabel = {"nibabel": str(run.record.environment.get("nibabel", ""))}
    return {
        **nibabel,
        **({"pytorch-ignite": "0.5.0"} if is_alone else {"segtrail": run.record.segtrail_version}),
    }


def _metadata(run: TrainedRun, data_format: dict[str, Any], packages: dict[str, str]) -> dict[str, Any]:
    environment = run.record.environment
    classes = ", ".join(f"{value}: {name}" for value, name in run.loaded.labels.items())
    return {
        "schema": _SCHEMA,
        "version": run.record.segtrail_version,
        "changelog": {run.record.segtrail_version: f"exported from the run {run.record.run_id}"},
        "monai_version": str(environment.get("monai", "")),
        "pytorch_version": str(environment.get("torch", "")).partition("+")[0],
        "numpy_version": str(environment.get("numpy", "")),
        "required_packages_version": packages,
        "name": run.record.project,
        "task": f"Segmentation of {', '.join(name for value, name in run.loaded.labels.items() if value)}",
        "description": f"The network of the run {run.record.run_id}, fingerprint {run.fingerprint or 'none'}",
        "authors": run.record.operator or "not named",
        "copyright": "see LICENSE",
        "data_source": run.dataset.name,
        "data_type": "nifti",
        "image_classes": ", ".join(run.dataset.modality.values()),
        "label_classes": classes,
        "pred_classes": classes,
        "eval_metrics": {},
        "intended_use": "For research use only, not for diagnosis or treatment",
        "references": [],
        "network_data_format": data_format,
    }


def _readme(run: TrainedRun, how: str, is_alone: bool) -> str:
    needs = (
        'without segtrail, on MONAI with nibabel and pytorch-ignite (`pip install "monai[nibabel,ignite,fire]"`)'
        if is_alone
        else 'on MONAI and segtrail (`pip install segtrail "monai[fire]"`)'
    )
    return f"""# {run.record.project}: a MONAI bundle of the run {run.record.run_id}

For research use only. Made by segtrail {run.record.segtrail_version}. It runs {needs}. In the folder of the bundle:

```bash
python -m monai.bundle run --config_file configs/inference.json --dataset_dir IMAGES --output_dir PREDICTIONS
```

`IMAGES` is a folder of NIfTI files. Their label maps come to `PREDICTIONS`, on the images' own grids.

{how}
Fingerprint of the run: {run.fingerprint or "none, it is not sealed"}.
"""


def _data_notice(run: TrainedRun) -> str:
    data = run.dataset
    return (
        f"Data: {data.name or 'not named'}\nRelease: {data.release or 'not named'}\n"
        f"Reference: {data.reference or 'not named'}\nLicence: {data.licence or 'not named'}\n"
        f"Fingerprint: {data.fingerprint}\n"
    )
