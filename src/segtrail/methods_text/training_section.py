"""How a network was trained: patches, optimiser, learning rate, epochs, and which weights were kept."""

import math
from collections.abc import Iterator

from segtrail.config.schema import OptimConfig, StageConfig
from segtrail.methods_text.described_run import DescribedRun, DescribedStage
from segtrail.methods_text.numbers import plain_number, product
from segtrail.methods_text.references import cite
from segtrail.report.wording import format_count

_LOWEST_START, _LOWEST_END = 25, "10^−4"  # the fixed ends of the one-cycle schedule


def training(run: DescribedRun, stage: DescribedStage) -> str:
    """Describe the training of a network.

    Args:
        run: The run.
        stage: One of its networks.

    Returns:
        Sentences.
    """
    return " ".join([*_patches(run, stage.config), *_optimisation(run, stage), *_kept_weights(run, stage)])


def _patches(run: DescribedRun, config: StageConfig) -> Iterator[str]:
    patch, batch_size = config.patch, config.train.batch_size
    size = "" if patch.patch_size is None else f" of {product(patch.patch_size)} voxels"
    share = patch.pos_neg_ratio / (1 + patch.pos_neg_ratio)
    yield (
        f"In each epoch {format_count(patch.patches_per_case, 'patch', 'patches')}{size} "
        f"{'was' if patch.patches_per_case == 1 else 'were'} drawn from every training case, with a probability of "
        f"{share:.3g} around a foreground voxel, else anywhere."
    )
    steps = math.ceil(run.n_cases("train") * patch.patches_per_case / batch_size)
    an_epoch = f"; an epoch had {format_count(steps, 'step')}" if steps else ""
    yield f"The batch size was {format_count(batch_size, 'patch', 'patches')}{an_epoch}."


def _optimisation(run: DescribedRun, stage: DescribedStage) -> Iterator[str]:
    settings, train = stage.config.optim, stage.config.train
    yield _optimiser(settings)
    yield _schedule(settings)
    if train.gradient_clip is not None:
        limit = plain_number(train.gradient_clip)
        yield f"The norm of the gradient was limited to {limit}{cite('pascanu2013clipping')}."
    device = run.contents.run.device
    if device is not None and device.precision in ("bf16", "fp16"):
        source = cite("micikevicius2018mixed")
        yield f"The network computed in {device.precision} under automatic mixed precision{source}."
    elif device is not None:
        yield "The network computed in single precision."
    if train.ema_decay is not None:
        yield (
            f"A moving average of the weights (decay {plain_number(train.ema_decay)} for each step, less in the first "
            f"steps){cite('polyak1992averaging')} was validated, kept and used."
        )


def _optimiser(settings: OptimConfig) -> str:
    decay = f"weight decay {plain_number(settings.weight_decay)}"
    if settings.name == "adamw":
        return f"The optimiser was AdamW{cite('loshchilov2019adamw')} ({decay})."
    return (
        f"The optimiser was stochastic gradient descent with Nesterov momentum{cite('sutskever2013momentum')} "
        f"(momentum {plain_number(settings.momentum)}, {decay})."
    )


def _schedule(settings: OptimConfig) -> str:
    rate, schedule = plain_number(settings.lr), settings.schedule
    if schedule.name == "onecycle":
        share = plain_number(100 * schedule.warmup_fraction)
        return (
            f"The learning rate followed one cycle{cite('smith2019superconvergence')}: over the first {share}% of all "
            f"steps it rose from 1/{_LOWEST_START} of {rate} to {rate}, then fell to {_LOWEST_END} of it, both along "
            "cosine arcs."
        )
    if schedule.name == "polynomial":
        return (
            f"The learning rate began at {rate} and decayed polynomially to 0 (exponent {plain_number(schedule.power)})"
            f"{cite('chen2018deeplab')}."
        )
    return f"The learning rate was {rate} throughout."


def _kept_weights(run: DescribedRun, stage: DescribedStage) -> Iterator[str]:
    trained, planned = len(stage.stage.history), stage.config.train.max_epochs
    if trained:
        of_planned = "" if trained == planned else f" of {planned:,} planned"
        yield f"The training had {format_count(trained, 'epoch')}{of_planned}."
    metrics = run.contents.metrics
    selection = None if metrics is None else metrics.selection
    if not stage.is_last or stage.config.train.keep == "last":
        yield "The weights of the last epoch were taken, whatever its score."
    elif selection is not None:
        n_between = stage.config.train.validate_every
        every = "epoch" if n_between == 1 else f"{n_between} epochs"
        yield (
            f"Every {every} the validation cases were segmented in full, and the weights with the highest mean Dice "
            f"were taken, those of epoch {selection.best_epoch}."
        )
