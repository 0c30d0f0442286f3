"""What is in a bundle that runs without segtrail: one stage, its steps said in MONAI's transforms."""

import shutil
from pathlib import Path
from typing import Any

import torch

from segtrail.atomic import write_json, write_text
from segtrail.config.network_schema import OwnNetworkConfig
from segtrail.config.schema import PreprocessConfig, StageConfig
from segtrail.errors import InputError
from segtrail.export.monai_bundle.data_format import data_format
from segtrail.export.trained_run import TrainedRun
from segtrail.networks import fast
from segtrail.networks.build import NetworkCall, plan_network

# No intensity, and a number of single precision: marks what lies outside of a volume.
_OUTSIDE = -3.1e38


def can_run_alone(run: TrainedRun) -> bool:
    """Tell whether MONAI's transforms can do what a run does; they know neither regions nor mirror images."""
    stages = run.loaded.config.stage_configs()
    return len(stages) == 1 and not any(config.infer.flips for config in stages.values())


def fill_alone(run: TrainedRun, target: Path) -> tuple[dict[str, Any], str]:
    """Write network, code and ``configs/inference.json``.

    Args:
        run: A run that can run alone.
        target: The folder of the bundle, with its folders.

    Returns:
        ``network_data_format`` of the metadata, and how the volumes are gone over, for the reader.

    Raises:
        InputError: The network is the user's own.
    """
    [config] = run.loaded.config.stage_configs().values()
    call = _network_call(run, config)
    [built] = run.loaded.networks.values()
    state = {key: value.cpu().contiguous() for key, value in built.network.state_dict().items()}
    torch.save(state, target / "models" / "model.pt")
    write_json(target / "configs" / "inference.json", _inference(run, config, call))
    write_text(target / "scripts" / "__init__.py", "")
    if call.target.startswith("segtrail."):
        shutil.copyfile(Path(fast.__file__), target / "scripts" / "fast.py")
    whole = _is_whole_volume(run, config)
    how = (
        f"The volumes are gone over {'at once' if whole else 'in windows'}, as in the run. Spacing: "
        f"{config.preprocess.spacing} mm; normalisation: {config.preprocess.normalisation}."
    )
    sides = [f"{divisor}*n" for divisor in call.size_divisor]
    pred = {"num_channels": len(run.loaded.labels), "dtype": "float32", "value_range": [0, 1]}
    return data_format(run, sides, not whole, pred), how


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
    return [*steps, *_padding(run, config, call)]


def _padding(run: TrainedRun, config: StageConfig, call: NetworkCall) -> list[dict[str, Any]]:
    """Fill up with each channel's lowest value, which MONAI's own modes can't: they take that of a line."""
    marked = {"keys": "image", "mode": "constant", "value": _OUTSIDE, "method": "end"}
    if _is_whole_volume(run, config):
        pad = {"_target_": "DivisiblePadd", "k": list(call.size_divisor), **marked}
    else:
        window = list(config.infer.roi_size or config.patch.patch_size or ())
        pad = {"_target_": "SpatialPadd", "spatial_size": window, **marked}
    lowest = "torch.where(image > -3e38, image, 3e38).amin(dim=(1, 2, 3), keepdim=True)"
    fill = f"$lambda image: torch.where(image > -3e38, image, {lowest})"
    return [pad, {"_target_": "Lambdad", "keys": "image", "func": fill}]


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


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as JSON has them: tuples as lists."""
    return {
        name: [*value] if isinstance(value, tuple) else value
        for name, value in arguments.items()
        if value is not None
    }
