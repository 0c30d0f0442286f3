"""``checkpoints/best.pt`` of a shared copy: the tensors bit for bit, what stands beside them by rules."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segtrail.sharing.configuration import configuration_rule
from segtrail.sharing.rules import (
    STAGE,
    LeftOut,
    NotSharedError,
    Place,
    Rule,
    always,
    by_name,
    flag,
    mapping,
    number,
    only,
    or_null,
    pattern,
    text,
)
from segtrail.sharing.terms import Terms

FILE_NAME = "checkpoints/best.pt"


def share_weights(path: Path, terms: Terms, left_out: LeftOut) -> bytes:
    """Make the checkpoint of a copy.

    Args:
        path: That of the run.
        terms: What the copy holds.
        left_out: Hears of what stays.

    Raises:
        InputError: It is missing or damaged.
    """
    from segtrail.training.checkpoint import load_checkpoint, serialise_checkpoint

    content = load_checkpoint(path)
    return serialise_checkpoint(_rule(terms)(content, Place(FILE_NAME, left_out)))


def _rule(terms: Terms) -> Rule:
    of_class = mapping(
        {"name": only(terms.classes), "smallest_ml": number, "largest_ml": number, "always_there": flag}
    )
    value = pattern("[0-9]+")
    return mapping(
        {
            "schema_version": number,
            "segtrail_version": text,
            "config": configuration_rule(terms),
            "labels": by_name(value, only(terms.classes)),
            "n_channels": number,
            "dataset_fingerprint": always(terms.root),
            "expectation": mapping(
                {
                    "classes": by_name(value, of_class),
                    "confidence": number,
                    "agreement": number,
                    "reaches_edge": flag,
                }
            ),
            "unseen_confidence": or_null(number),
            "stage": STAGE,
            "epoch": number,
            "networks": by_name(STAGE, _tensors),
        }
    )


def _tensors(value: Any, place: Place) -> dict[str, Any]:
    import torch

    if not isinstance(value, Mapping):
        raise NotSharedError
    strangers = [name for name, tensor in value.items() if not isinstance(tensor, torch.Tensor)]
    for _ in strangers:
        place.note()
    return {name: tensor for name, tensor in value.items() if name not in strangers}
