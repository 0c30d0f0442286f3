"""Networks, losses and transforms of one's own, named by import path."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[[str], None]


@pytest.fixture
def write_my_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write the module ``my_parts`` into the current directory."""
    monkeypatch.chdir(tmp_path)

    def write(code: str) -> None:
        (tmp_path / "my_parts.py").write_text(code, encoding="utf-8")

    yield write
    sys.modules.pop("my_parts", None)


def only_run(folder: Path) -> Path:
    (run,) = (folder / "outputs" / "runs").iterdir()
    return run


def test_own_network_loss_and_transform_are_used_and_hashed(
    tmp_path: Path, tiny_config: Path, segtrail: Command, write_my_parts: Write
) -> None:
    write_my_parts(
        "import torch\n"
        "class Net(torch.nn.Conv3d):\n"
        "    def __init__(self, in_channels, out_channels):\n"
        "        super().__init__(in_channels, out_channels, 3, padding=1)\n"
        "class Loss:\n"
        "    def __call__(self, logits, target):\n"
        "        return ((logits.softmax(1) - target) ** 2).mean()\n"
        "def transform(image, label, generator):\n"
        "    return image + 1, label\n"
    )
    own = [
        "model={name: 'my_parts:Net'}",
        "train.loss.name=my_parts:Loss",
        "augment.transforms=['my_parts:transform']",
    ]
    result = segtrail("train", tiny_config, *own, "report.enabled=false")
    assert result.exit_code == 0, result.stderr
    state = json.loads((only_run(tmp_path) / "run.json").read_text(encoding="utf-8"))
    assert len(state["model"]["source_sha256"]) == 64
    assert {len(digest) for digest in state["own_code"].values()} == {64}
    assert set(state["own_code"]) == {"my_parts:Net", "my_parts:Loss", "my_parts:transform"}


@pytest.mark.parametrize(
    ("code", "override", "expected"),
    [
        (
            "import torch\nclass Net(torch.nn.Conv3d):\n    def __init__(self, in_channels, out_channels):\n"
            "        super().__init__(in_channels, 7, 3, padding=1)\n",
            "model={name: 'my_parts:Net'}",
            "logits of shape",
        ),
        (
            "import datetime, torch\nclass Net(torch.nn.Conv3d):\n"
            "    def __init__(self, in_channels, out_channels):\n"
            "        super().__init__(in_channels, out_channels, 3, padding=1)\n"
            "    def get_extra_state(self):\n        return datetime.datetime(2026, 1, 1)\n"
            "    def set_extra_state(self, state):\n        pass\n",
            "model={name: 'my_parts:Net'}",
            "keeps more than tensors and plain values in its state",
        ),
        (
            "class Net:\n    def __init__(self, **_):\n        raise KeyError('weights')\n",
            "model={name: 'my_parts:Net'}",
            "weights",
        ),
        (
            "class Loss:\n    def __call__(self, logits, target):\n        raise OSError('no table')\n",
            "train.loss.name=my_parts:Loss",
            "no table",
        ),
        (
            "class Loss:\n    def __call__(self, logits, target):\n        return logits.detach().mean()\n",
            "train.loss.name=my_parts:Loss",
            "does not require grad",
        ),
        (
            "def transform(image, label, generator):\n    return image[:, 1:], label\n",
            "augment.transforms=['my_parts:transform']",
            "must keep both",
        ),
    ],
    ids=[
        "logits of another shape",
        "a state that no checkpoint may hold",
        "no network",
        "a loss that fails",
        "a loss without a gradient",
        "a patch of another shape",
    ],
)
def test_own_code_that_fails_is_told_before_there_is_a_run_folder(
    tmp_path: Path,
    tiny_config: Path,
    segtrail: Command,
    write_my_parts: Write,
    code: str,
    override: str,
    expected: str,
) -> None:
    write_my_parts(code)
    result = segtrail("train", tiny_config, override)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "outputs" / "runs").exists()


def test_a_transform_may_give_a_flipped_view_of_doubles(
    tiny_config: Path, segtrail: Command, write_my_parts: Write
) -> None:
    code = "def flip(image, label, generator):\n    return (image * 1.0).astype('f8')[..., ::-1], label[..., ::-1]\n"
    write_my_parts(code)
    result = segtrail("train", tiny_config, "augment.transforms=['my_parts:flip']", "report.enabled=false")
    assert result.exit_code == 0, result.stderr


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_network_that_changes_its_input_and_can_not_be_copied_trains(
    tiny_config: Path, segtrail: Command, write_my_parts: Write
) -> None:
    write_my_parts(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, in_channels, out_channels):\n"
        "        super().__init__()\n"
        "        convolution = torch.nn.Conv3d(in_channels, out_channels, 3, padding=1)\n"
        "        self.convolution = torch.nn.utils.weight_norm(convolution)\n"
        "    def get_extra_state(self):\n"
        "        return 'a word'\n"
        "    def set_extra_state(self, state):\n"
        "        assert state == 'a word'\n"
        "    def forward(self, image):\n"
        "        image -= image.mean()\n"
        "        return self.convolution(image)\n"
    )
    own = ["model={name: 'my_parts:Net'}", "train.max_epochs=1", "report.enabled=false"]
    result = segtrail("train", tiny_config, *own)
    assert result.exit_code == 0, result.stderr


def test_a_loss_that_is_not_finite_stops_the_run_with_step_and_case(
    tmp_path: Path, tiny_config: Path, segtrail: Command, write_my_parts: Write
) -> None:
    write_my_parts(
        "class Loss:\n    def __call__(self, logits, target):\n        return logits.sum() * float('nan')\n"
    )
    result = segtrail("train", tiny_config, "train.loss.name=my_parts:Loss")
    assert result.exit_code == 1
    assert "epoch 1, step 1" in result.stderr
    assert "case_" in result.stderr
    state = json.loads((only_run(tmp_path) / "run.json").read_text(encoding="utf-8"))
    assert state["status"] == "failed"
