"""Randomness that is a pure function of its purpose, never of what was drawn before.

Every random choice of a training is keyed by (seed, epoch, case, purpose). A run therefore gives the
same numbers with any count of workers, and can go on from any step.
"""

import hashlib
import json

import numpy as np

Key = str | int


def derive_seed(seed: int, *key: Key) -> int:
    """Derive a 63-bit seed from a run's seed and the purpose it is for.

    Args:
        seed: The run's seed.
        *key: What the randomness is for, for example ``("patch", epoch, case, index)``.

    Returns:
        A non-negative integer below 2**63, the same on every machine.
    """
    digest = hashlib.sha256(json.dumps([seed, *key], separators=(",", ":")).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def keyed_generator(seed: int, *key: Key) -> np.random.Generator:
    """Make an independent random generator for one purpose.

    Args:
        seed: The run's seed.
        *key: What the randomness is for.

    Returns:
        A counter-based (Philox) generator whose stream depends on nothing but the arguments.
    """
    digest = hashlib.sha256(json.dumps([seed, *key], separators=(",", ":")).encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
