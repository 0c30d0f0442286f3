"""Learning rate as a pure function of the step, so that there is no state to lose."""

import math

from segtrail.config.schema import OptimConfig

# OneCycle starts at this share of the highest rate and ends at that one
# (Smith & Topin 2019, "Super-convergence").
_ONECYCLE_START = 1 / 25
_ONECYCLE_END = 1e-4


def learning_rate(step: int, total_steps: int, config: OptimConfig) -> float:
    """Return the learning rate of one step.

    Args:
        step: Steps done before this one, from 0.
        total_steps: Steps of the whole training.
        config: The ``optim`` section.

    Returns:
        The learning rate.
    """
    done = min(step / max(total_steps, 1), 1.0)
    match config.schedule.name:
        case "constant":
            return config.lr
        case "polynomial":
            return float(config.lr * (1.0 - done) ** config.schedule.power)
        case "onecycle":
            return config.lr * _one_cycle(done, config.schedule.warmup_fraction)


def _one_cycle(done: float, warmup: float) -> float:
    if done < warmup:
        return _cosine(_ONECYCLE_START, 1.0, done / warmup)
    return _cosine(1.0, _ONECYCLE_END, (done - warmup) / max(1.0 - warmup, 1e-12))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0
