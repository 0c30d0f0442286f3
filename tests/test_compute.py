"""The choice of device and precision."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from segtrail import compute
from segtrail.config.schema import TrainConfig
from segtrail.errors import InputError

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16"), (False, "fp32")])
def test_a_cpu_computes_in_bf16_where_it_has_it(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, precision: str
) -> None:
    monkeypatch.setattr(compute, "cpu_computes_bf16", lambda: has_bf16)
    chosen = compute.set_up_compute(TrainConfig())
    assert (chosen.device.type, chosen.precision) == ("cpu", precision)


def test_a_run_on_a_cpu_without_bf16_says_so_and_trains(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "cpu_computes_bf16", lambda: False)
    result = segtrail(
        "train", tiny_config, "train.precision=auto", "train.max_epochs=1", "report.enabled=false"
    )
    assert result.exit_code == 0
    assert "This CPU has no bf16 arithmetic" in result.stdout
    (log,) = (tmp_path / "outputs" / "runs").glob("*/train.log")
    assert "This CPU has no bf16 arithmetic" in log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"device": "cuda"}, "no CUDA device"),
        ({"device": "cuda:3"}, "no CUDA device"),
        ({"device": "mps"}, "no Apple graphics"),
        ({"device": "cpu", "precision": "fp16"}, "needs a GPU"),
    ],
)
def test_what_this_machine_lacks_is_told(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        compute.set_up_compute(TrainConfig(**settings))
