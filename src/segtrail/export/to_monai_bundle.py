"""A run of one stage as a bundle that MONAI's own command runs, without segtrail."""

import shutil
from pathlib import Path
from typing import Any

import torch

from segtrail.atomic import write_json, write_text
from segtrail.config.network_schema import OwnNetworkConfig
from segtrail.config.schema import PreprocessConfig, StageConfig
from segtrail.errors import InputError
from segtrail.export.trained_run import TrainedRun, open_trained_run
from segtrail.networks import fast
from segtrail.networks.build import NetworkCall, plan_network

_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
)
_LICENCE = """The code in scripts/ and configs/ is part of segtrail, under the Apache License 2.0:
https://www.apache.org/licenses/LICENSE-2.0

The weights in models/ were trained on the data that docs/data_license.txt names. Whoever passes them on decides under
which licence, and looks whether that of the data allows it. For research use only.
"""


def export_monai_bundle(folder: Path, target: Path) -> dict[str, Any]:
    """Write the network of a run as a MONAI bundle.

    Args:
        folder: The run folder.
        target: A new folder.

    Returns:
        The content of ``configs/metadata.json``.

    Raises:
        InputError: The run is not finished, or does something that a bundle without segtrail can't do.
    """
    run = open_trained_run(folder)
    config = _only_stage(run)
    call = _network_call(run, config)
    for name in ("configs", "models", "docs", "scripts"):
        (target / name).mkdir()
    [built] = run.loaded.networks.values()
    torch.save(
        {key: value.cpu().contiguous() for key, value in built.network.state_dict().items()},
        target / "models" / "model.pt",
    )
    metadata = _metadata(run, config, call)
    write_json(target / "configs" / "metadata.json", metadata)
    write_json(target / "configs" / "inference.json", _inference(run, config, call))
    write_text(target / "scripts" / "__init__.py", "")
    if call.target.startswith("segtrail."):
        shutil.copyfile(Path(fast.__file__), target / "scripts" / "fast.py")
    write_text(target / "docs" / "README.md", _readme(run, config))
    write_text(target / "docs" / "data_license.txt", _data_notice(run))
    write_text(target / "LICENSE", _LICENCE)
    return metadata


def _only_stage(run: TrainedRun) -> StageConfig:
    stages = run.loaded.config.stage_configs()
    if len(stages) > 1:
        raise InputError(
            f"{run.folder.name} has two stages, whose search for the region MONAI's own transforms can't do. "
            "`segtrail predict` runs it, and --to onnx exports both networks."
        )
    [config] = stages.values()
    if config.infer.flips:
        raise InputError(
            f"{run.folder.name} averages over mirror images (infer.flips), which MONAI's inferers can't do. "
            "--to onnx exports its network."
        )
    return config


def _network_call(run: TrainedRun, config: StageConfig) -> NetworkCall:
    if isinstance(config.model, OwnNetworkConfig):
        raise InputError(
            f"{run.folder.name} has a network of your own ({config.model.name}), whose code a bundle can't take along. "
            "--to onnx exports it."
        )
    assert config.patch.patch_size is not None
    assert config.preprocess.spacing is not None
    return plan_network(
        config.model,
        run.loaded.n_channels,
        len(run.loaded.labels),
        config.patch.patch_size,
        config.preprocess.spacing,
    )


def _is_whole_volume(run: TrainedRun, config: StageConfig) -> bool:
    """Tell how the run itself went over its volumes; the bundle does the same."""
    return config.infer.mode == "whole_volume" or run.record.inference == ["whole_volume"]


def _inference(run: TrainedRun, config: StageConfig, call: NetworkCall) -> dict[str, Any]:
    target = call.target.replace("segtrail.networks.", "scripts.")
    return {
        "imports": ["$import glob", "$import torch"],
        "bundle_root": ".",
        "dataset_dir": "images",
        "output_dir": "predictions",
        "images": "$sorted(glob.glob(@dataset_dir + '/*.nii*'))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": {"_target_": target, **_plain(call.arguments)},
        "network": "$torch.nn.Sequential(@network_def, torch.nn.Softmax(dim=1)).to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": _transforms_before(run, config, call)},
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': file} for file in @images]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": False},
        "inferer": _inferer(run, config),
        "postprocessing": {"_target_": "Compose", "transforms": _transforms_after(run, config)},
        "handlers": [
            {
                "_target_": "CheckpointLoader",
                "load_path": "$@bundle_root + '/models/model.pt'",
                "load_dict": {"model": "@network_def"},
            }
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
            "amp": False,
        },
        "initialize": ["$import os", "$os.makedirs(@output_dir, exist_ok=True)"],
        "run": ["$@evaluator.run()"],
    }


def _transforms_before(run: TrainedRun, config: StageConfig, call: NetworkCall) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [
        {"_target_": "LoadImaged", "keys": "image", "ensure_channel_first": True, "dtype": "$torch.float32"},
        {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
        {
            "_target_": "Spacingd",
            "keys": "image",
            "pixdim": list(config.preprocess.spacing or ()),
            "mode": "bilinear",
            "padding_mode": "border",
        },
        *_normalisation(config.preprocess),
    ]
    padding = {"mode": "minimum", "method": "end"}
    if _is_whole_volume(run, config):
        steps.append({"_target_": "DivisiblePadd", "keys": "image", "k": list(call.size_divisor), **padding})
    else:
        window = list(config.infer.roi_size or config.patch.patch_size or ())
        steps.append({"_target_": "SpatialPadd", "keys": "image", "spatial_size": window, **padding})
    return steps


def _normalisation(config: PreprocessConfig) -> list[dict[str, Any]]:
    """Say the normalisation in MONAI's transforms; each channel by itself."""
    match config.normalisation:
        case "zscore":
            return [{"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True}]
        case "zscore_nonzero":
            # MONAI's own option leaves the zeros as they are.
            of_all = "(c - c[c != 0].mean()) / c[c != 0].std(unbiased=False)"
            function = f"$lambda image: torch.stack([{of_all} for c in image])"
            return [{"_target_": "Lambdad", "keys": "image", "func": function}]
        case "percentile":
            limits = {"lower": 0.5, "upper": 99.5, "b_min": 0.0, "b_max": 1.0, "clip": True}
            return [
                {
                    "_target_": "ScaleIntensityRangePercentilesd",
                    "keys": "image",
                    "channel_wise": True,
                    **limits,
                }
            ]
        case "window":
            low, high = config.intensity_window or (0.0, 1.0)
            limits = {"a_min": low, "a_max": high, "b_min": 0.0, "b_max": 1.0, "clip": True}
            return [{"_target_": "ScaleIntensityRanged", "keys": "image", **limits}]
        case "none":
            return []


def _inferer(run: TrainedRun, config: StageConfig) -> dict[str, Any]:
    if _is_whole_volume(run, config):
        return {"_target_": "SimpleInferer"}
    return {
        "_target_": "SlidingWindowInferer",
        "roi_size": list(config.infer.roi_size or config.patch.patch_size or ()),
        "sw_batch_size": config.infer.batch_size,
        "overlap": config.infer.overlap,
        "mode": "gaussian",
    }


def _transforms_after(run: TrainedRun, config: StageConfig) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [
        {
            "_target_": "Invertd",
            "keys": "pred",
            "transform": "@preprocessing",
            "orig_keys": "image",
            "nearest_interp": False,
            "to_tensor": True,
        },
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
    ]
    if config.infer.largest_component:
        steps.append(
            {
                "_target_": "KeepLargestConnectedComponentd",
                "keys": "pred",
                "applied_labels": [value for value in run.loaded.labels if value != 0],
                "independent": True,
            }
        )
    steps.append(
        {
            "_target_": "SaveImaged",
            "keys": "pred",
            "output_dir": "@output_dir",
            "output_postfix": "",
            "output_dtype": "$torch.uint8",
            "resample": False,
            "separate_folder": False,
        }
    )
    return steps


def _metadata(run: TrainedRun, config: StageConfig, call: NetworkCall) -> dict[str, Any]:
    environment = run.record.environment
    channels = {str(number): name for number, name in run.dataset.modality.items()}
    image = {
        "type": "image",
        "format": "magnitude",
        "modality": ", ".join(channels.values()),
        "num_channels": run.loaded.n_channels,
        "spatial_shape": [f"{divisor}*n" for divisor in call.size_divisor],
        "dtype": "float32",
        "value_range": [-1e3, 1e3],
        "is_patch_data": not _is_whole_volume(run, config),
        "channel_def": channels,
    }
    labels = {str(value): name for value, name in run.loaded.labels.items()}
    return {
        "schema": _SCHEMA,
        "version": run.record.segtrail_version,
        "changelog": {run.record.segtrail_version: f"exported from the run {run.record.run_id}"},
        "monai_version": str(environment.get("monai", "")),
        "pytorch_version": str(environment.get("torch", "")).partition("+")[0],
        "numpy_version": str(environment.get("numpy", "")),
        "required_packages_version": {
            "nibabel": str(environment.get("nibabel", "")),
            "pytorch-ignite": "0.5.0",
        },
        "name": run.record.project,
        "task": f"Segmentation of {', '.join(run.loaded.labels[value] for value in run.loaded.labels if value)}",
        "description": f"The network of the run {run.record.run_id}, fingerprint {run.fingerprint or 'none'}",
        "authors": run.record.operator or "not named",
        "copyright": "see LICENSE",
        "data_source": run.dataset.name,
        "data_type": "nifti",
        "image_classes": ", ".join(channels.values()),
        "label_classes": ", ".join(f"{value}: {name}" for value, name in labels.items()),
        "pred_classes": ", ".join(f"{value}: {name}" for value, name in labels.items()),
        "eval_metrics": {},
        "intended_use": "For research use only, not for diagnosis or treatment",
        "references": [],
        "network_data_format": {
            "inputs": {"image": image},
            "outputs": {
                "pred": {
                    **image,
                    "format": "segmentation",
                    "num_channels": len(labels),
                    "value_range": [0, 1],
                    "channel_def": labels,
                }
            },
        },
    }


def _readme(run: TrainedRun, config: StageConfig) -> str:
    return f"""# {run.record.project}: a MONAI bundle of the run {run.record.run_id}

For research use only. Made by segtrail {run.record.segtrail_version}. It runs without segtrail, on MONAI with
nibabel and pytorch-ignite (`pip install "monai[nibabel,ignite,fire]"`). In the folder of the bundle:

```bash
python -m monai.bundle run --config_file configs/inference.json --dataset_dir IMAGES --output_dir PREDICTIONS
```

`IMAGES` is a folder of NIfTI files. Their label maps come to `PREDICTIONS`, on the images' own grids.

The volumes are gone over {"at once" if _is_whole_volume(run, config) else "in windows"}, as in the run. Spacing:
{config.preprocess.spacing} mm; normalisation: {config.preprocess.normalisation}.
Fingerprint of the run: {run.fingerprint or "none, it is not sealed"}.
"""


def _data_notice(run: TrainedRun) -> str:
    data = run.dataset
    return (
        f"Data: {data.name or 'not named'}\nRelease: {data.release or 'not named'}\n"
        f"Reference: {data.reference or 'not named'}\nLicence: {data.licence or 'not named'}\n"
        f"Fingerprint: {data.fingerprint}\n"
    )


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as JSON has them: tuples as lists."""
    return {
        name: [*value] if isinstance(value, tuple) else value
        for name, value in arguments.items()
        if value is not None
    }
