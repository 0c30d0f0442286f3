"""Draws where the time of a training step and of a prediction goes, and what share of the machine's peak is used.

python benchmarks/speed/where_time_goes.py RUN IMAGE PICTURE.png

RUN is a finished run of configs/cpu.yaml, IMAGE one of its images. A step is one of its second network, and one of the
U-Net of configs/baseline.yaml on patches of 96 x 96 x 96; the prediction is that of ``segtrail predict``, from file to
file, without the start of Python. Run it on a machine that does nothing else.
"""

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

STEPS = 5
# Of what torch's profiler names, what a reader knows.
OPERATIONS = {
    "convolutions, forward": ("aten::mkldnn_convolution", "aten::slow_conv3d_forward", "aten::_convolution"),
    "convolutions, backward": ("aten::convolution_backward",),
    "normalisation": ("aten::native_batch_norm", "aten::native_batch_norm_backward"),
    "activations": (
        *("aten::threshold_backward", "aten::clamp_min_", "aten::relu_", "aten::clamp_min"),
        *("aten::_prelu_kernel", "aten::_prelu_kernel_backward"),
    ),
    "copies and sums": ("aten::copy_", "aten::add", "aten::add_", "aten::cat"),
}
# Functions of segtrail, and what they do in a prediction.
WORK = {
    "read_image": "reading and checking the file",
    "prepare_image": "preprocessing",
    "everywhere": "first network",
    "in_windows": "second network",
    "labels_on_file_grid": "back to the file's grid",
    "write_label_map": "writing the label map",
    "draw_case_panel": "picture",
}


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    bars = {
        "a step of configs/cpu.yaml, second network": _step(options.run, "fine"),
        "a step of the U-Net of configs/baseline.yaml": _unet_step(),
        "a prediction with configs/cpu.yaml": _prediction(options.run, options.image),
    }
    for title, parts in bars.items():
        print(title)
        for name, seconds in parts.items():
            print(f"  {name}: {1000 * seconds:.0f} ms")
    _draw(bars, options.picture)


def _step(run: Path, stage_name: str) -> dict[str, float]:
    from segtrail.config.schema import Config
    from segtrail.inference.trained import load_networks
    from segtrail.training.checkpoint import load_checkpoint

    config = Config.model_validate(load_checkpoint(run / "checkpoints" / "last.pt")["config"])
    stage = config.stage_configs()[stage_name]
    loaded = load_networks(run, "last", lambda config: _compute(config.train))
    built = loaded.networks[stage_name]
    return _measure_step(built, stage, loaded.compute, len(loaded.labels))


def _unet_step() -> dict[str, float]:
    from segtrail.config.load import load_config
    from segtrail.networks.build import build_network

    config = load_config(Path(__file__).parents[2] / "configs" / "baseline.yaml", [])
    (stage,) = config.stage_configs().values()
    compute = _compute(stage.train)
    assert stage.patch.patch_size is not None
    assert stage.preprocess.spacing is not None
    built = build_network(stage.model, 1, 2, stage.patch.patch_size, stage.preprocess.spacing)
    built.place(compute.device, stage.train.channels_last)
    return _measure_step(built, stage, compute, 2)


def _compute(train: Any) -> Any:
    from segtrail.compute import set_up_compute

    return set_up_compute(train)


def _measure_step(built: Any, stage: Any, compute: Any, n_classes: int) -> dict[str, float]:
    """Train on noise, patches left out: seconds by kind of operation, and the share of the peak in a line."""
    from segtrail.networks.loss import SegmentationLoss

    network = built.network.train()
    loss_of = SegmentationLoss(stage.train.loss, n_classes)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    size = stage.patch.patch_size
    images = torch.randn(stage.train.batch_size, 1, *size)
    labels = (torch.rand(stage.train.batch_size, *size) > 0.9).to(torch.uint8)

    def step() -> None:
        optimiser.zero_grad()
        with compute.autocast():
            output = network(images)
        loss_of(output, labels).total.backward()
        optimiser.step()

    step()
    seconds = statistics.median(_timed(step) for _ in range(STEPS))
    with FlopCounterMode(display=False) as counted:
        step()
    share = counted.get_total_flops() / seconds / _peak_flops(compute)
    print(
        f"{type(network).__name__}: {seconds:.3f} s a step, {100 * share:.0f} % of the peak of {compute.precision}"
    )
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        step()
    spent = {event.key: event.self_cpu_time_total / 1e6 for event in profiled.key_averages()}
    total = sum(spent.values())
    parts = {
        kind: seconds / total * sum(spent.get(name, 0.0) for name in names)
        for kind, names in OPERATIONS.items()
    }
    return {**parts, "loss, optimiser and the rest": seconds - sum(parts.values())}


def _peak_flops(compute: Any) -> float:
    """Measure the product of two large matrices in the precision of the network."""
    dtype = torch.bfloat16 if compute.precision == "bf16" else torch.float32
    n = 2048
    left, right = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
    return 2.0 * n**3 / min(_timed(lambda: left @ right) for _ in range(10))


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _prediction(run: Path, image: Path) -> dict[str, float]:
    from segtrail.prediction.predict_run import PredictionRequest, predict_run
    from segtrail.progress import Narrator
    from segtrail.record.run_folder import RunFolder

    with tempfile.TemporaryDirectory() as folder:
        predict_run(
            RunFolder(run), PredictionRequest([str(image)], Path(folder) / "first"), Narrator()
        )  # warms up
        profiler = cProfile.Profile()
        started = time.perf_counter()
        profiler.enable()
        predict_run(RunFolder(run), PredictionRequest([str(image)], Path(folder) / "second"), Narrator())
        profiler.disable()
        total = time.perf_counter() - started
    spent: Mapping[Any, Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    parts = {
        work: sum(
            times[3] for (path, _, name), times in spent.items() if name == function and "segtrail" in path
        )
        for function, work in WORK.items()
    }
    return {**parts, "loading the networks, record and the rest": total - sum(parts.values())}


def _draw(bars: Mapping[str, Mapping[str, float]], picture: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.3 * len(bars)), layout="constrained")
    for axes, (title, parts) in zip(np.atleast_1d(figure.subplots(len(bars))), bars.items(), strict=True):
        names, values = list(parts), [1000 * seconds for seconds in parts.values()]
        marks = axes.barh(names, values, color="#0072B2")
        axes.bar_label(marks, labels=[f"{value:.0f}" for value in values], padding=3, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.set_title(f"{title}: {sum(values):.0f} ms", fontsize=10, loc="left")
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("milliseconds", fontsize=8)
    picture.parent.mkdir(exist_ok=True)
    figure.savefig(picture, dpi=150)


if __name__ == "__main__":
    main()
