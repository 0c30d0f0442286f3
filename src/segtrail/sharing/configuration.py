"""``config_resolved.yaml`` of a shared copy: settings of the training, names of cases as pseudonyms."""

from collections.abc import Mapping
from typing import Any

from segtrail.dataset.checking.checks import CHECKS
from segtrail.sharing.rules import (
    NUMBERS,
    STAGE,
    Place,
    Rule,
    always,
    by_name,
    each,
    either,
    flag,
    in_order,
    mapping,
    number,
    one_of,
    or_null,
    pattern,
    renamed,
    those_that_fit,
)
from segtrail.sharing.terms import Terms

OWN_MODULE = "own_code"
_DEVICE = pattern(r"auto|cpu|mps|cuda(:[0-9]+)?")
_IMPORT_PATH = pattern(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_NETWORKS = one_of("unet3d", "dynunet", "segresnet", "fast")
_NORMALISATIONS = one_of("zscore_nonzero", "zscore", "percentile", "window", "none")


def configuration_rule(terms: Terms) -> Rule:
    """Return the rule for a configuration.

    Args:
        terms: What the copy holds.
    """
    stage = _stage_rules(terms)
    run = {
        "schema_version": number,
        "paths": mapping({"data_root": always("${data_root}")}),
        "data": mapping(
            {
                "geometry_tolerance_mm": number,
                "allow": those_that_fit(one_of(*(check.id for check in CHECKS))),
                "read_all": flag,
            }
        ),
        "split": _split_rule(terms),
        "report": mapping(
            {
                "enabled": flag,
                "page": one_of("a4", "letter"),
                "bootstrap_samples": number,
                "confidence": number,
            }
        ),
        "stages": by_name(STAGE, mapping(stage)),
    }
    return mapping({**run, **stage})


def own_name(terms: Terms, name: str) -> Rule:
    """Return the rule for the name of something of the user's own code, which may hold names itself.

    Args:
        terms: What the copy holds.
        name: What is written in its place where the code stays.
    """
    if terms.choices.code:
        return _IMPORT_PATH
    hidden = always(f"{OWN_MODULE}:{name}")
    return lambda value, place: hidden(_IMPORT_PATH(value, place), place)


def network_name(terms: Terms) -> Rule:
    """Return the rule for the name of a network."""
    return either(_NETWORKS, own_name(terms, "Network"))


def _split_rule(terms: Terms) -> Rule:
    cases = in_order(renamed(terms.pseudonyms.cases))
    groups = by_name(renamed(terms.pseudonyms.groups), cases)

    def groups_in_order(value: Any, place: Place) -> dict[str, Any]:
        return dict(sorted(groups(value, place).items()))

    sides: Mapping[str, Rule] = {side: or_null(cases) for side in ("train", "val", "test")}
    return mapping({"seed": number, "val_frac": number, **sides, "groups": groups_in_order})


def _stage_rules(terms: Terms) -> dict[str, Rule]:
    return {
        "preprocess": mapping(
            {
                "spacing": or_null(NUMBERS),
                "normalisation": _NORMALISATIONS,
                "intensity_window": or_null(NUMBERS),
                "antialias": flag,
                "cache_limit_gb": number,
            }
        ),
        "patch": mapping(
            {"patch_size": or_null(NUMBERS), "pos_neg_ratio": number, "patches_per_case": number}
        ),
        "augment": _augment_rule(terms),
        "train": _train_rule(terms),
        "model": _model_rule(terms),
        "optim": mapping(
            {
                "name": one_of("adamw", "sgd"),
                "lr": number,
                "weight_decay": number,
                "momentum": number,
                "schedule": mapping(
                    {
                        "name": one_of("constant", "onecycle", "polynomial"),
                        "warmup_fraction": number,
                        "power": number,
                    }
                ),
            }
        ),
        "infer": mapping(
            {
                "mode": one_of("auto", "sliding_window", "whole_volume"),
                "roi_size": or_null(NUMBERS),
                "overlap": number,
                "batch_size": number,
                "flips": NUMBERS,
                "largest_component": flag,
                "nsd_tolerances_mm": NUMBERS,
            }
        ),
        "region": mapping(
            {"margin_mm": number, "shift_mm": number, "anywhere_fraction": number, "crossfit_folds": number}
        ),
    }


def _train_rule(terms: Terms) -> Rule:
    return mapping(
        {
            "seed": number,
            "batch_size": number,
            "max_epochs": number,
            "num_workers": number,
            "patches_on": one_of("auto", "cpu", "device"),
            "device": _DEVICE,
            "precision": one_of("auto", "fp32", "bf16", "fp16"),
            "channels_last": either(flag, one_of("auto")),
            "deterministic": flag,
            "num_threads": or_null(number),
            "validate_every": number,
            "gradient_clip": or_null(number),
            "ema_decay": or_null(number),
            "keep": one_of("best", "last"),
            "loss": mapping(
                {
                    "name": either(one_of("dice_ce"), own_name(terms, "Loss")),
                    "dice_weight": number,
                    "cross_entropy_weight": number,
                    "batch_dice": flag,
                }
            ),
            "checkpoint_every": mapping({"steps": or_null(number), "minutes": or_null(number)}),
            "watch": or_null(one_of("mlflow")),
        }
    )


def _model_rule(terms: Terms) -> Rule:
    numbers = ("num_res_units", "dropout", "deep_supervision_heads", "initial_filters")
    lists = ("channels", "strides", "filters", "blocks_down", "blocks_up", "blocks")
    fields: dict[str, Rule] = {
        "name": network_name(terms),
        "norm": one_of("batch", "instance", "group"),
        "deep_supervision": flag,
        "residual": flag,
        **dict.fromkeys(numbers, number),
        **dict.fromkeys(lists, or_null(NUMBERS)),
    }
    if terms.choices.code:
        fields["arguments"] = by_name(pattern(r"[A-Za-z_]\w*"), or_null(either(flag, number, NUMBERS)))
    return mapping(fields)


def _augment_rule(terms: Terms) -> Rule:
    kinds: dict[str, dict[str, Rule]] = {
        "affine": {
            "rotation_degrees": number,
            "scale_range": NUMBERS,
            "anisotropic_scale": number,
            "shift_voxels": number,
        },
        "elastic": {"displacement_voxels": number, "control_points": number},
        "flip": {"axes": NUMBERS},
        "right_angle": {},
        "blur": {"sigma_voxels_range": NUMBERS},
        "noise": {"standard_deviation_range": NUMBERS},
        "brightness": {"shift_range": NUMBERS},
        "contrast": {"factor_range": NUMBERS},
        "gamma": {"gamma_range": NUMBERS},
    }
    fields = {name: mapping({"probability": number, **own}) for name, own in kinds.items()}
    transforms = each(own_name(terms, "transform"))
    return mapping({"enabled": flag, **fields, "transforms": transforms})
