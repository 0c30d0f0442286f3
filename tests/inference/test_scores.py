"""The label that scores mean."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segtrail.inference.scores import largest_class


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), *[st.integers(1, 4)] * 3),
        elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    )
)
def test_a_label_is_the_first_class_with_the_largest_score(scores) -> None:
    labels = largest_class(scores)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, scores.argmax(axis=0))
