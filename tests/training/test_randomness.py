import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segtrail.randomness import derive_seed, keyed_generator

KEYS = st.lists(st.integers(0, 1000) | st.text(max_size=5), max_size=4)


@given(st.integers(0, 2**63 - 1), KEYS)
def test_a_generator_depends_on_its_key_alone(seed, key):
    first = keyed_generator(seed, *key)
    keyed_generator(seed, "another").random(10)
    np.random.default_rng().random()
    assert first.random(5).tolist() == keyed_generator(seed, *key).random(5).tolist()
    assert 0 <= derive_seed(seed, *key) < 2**63


def test_other_keys_give_other_numbers():
    keys = [(0,), (1,), (0, "a"), (0, "a", 1), (0, "a", "1"), (0, "a1"), (0, 1, "a"), (0, "a", 1, 1)]
    assert len({float(keyed_generator(*key).random()) for key in keys}) == len(keys)
    assert len({derive_seed(*key) for key in keys}) == len(keys)


def test_the_numbers_are_the_same_in_another_process_and_for_ever():
    """A change here would make every recorded run unrepeatable."""
    program = "from segtrail.randomness import *; print(derive_seed(7, 'step', 2, 3), "
    program += "keyed_generator(7, 'patch', 1, 'la_003', 0).integers(0, 10**6, 3).tolist())"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    here = f"{derive_seed(7, 'step', 2, 3)} "
    here += f"{keyed_generator(7, 'patch', 1, 'la_003', 0).integers(0, 10**6, 3).tolist()}"
    assert done.stdout.strip() == here == "8571974457471011351 [890116, 843386, 992984]"
