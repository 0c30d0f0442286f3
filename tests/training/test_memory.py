import errno

import pytest

from segtrail.config.schema import StageConfig
from segtrail.training.memory import is_out_of_memory, out_of_memory, smaller_patch


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        OSError("Caught OSError in DataLoader worker process 0.\nOSError: [Errno 12] Cannot allocate memory"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
        RuntimeError("unable to mmap 8 bytes from file: Cannot allocate memory (12)"),
    ],
    ids=str,
)
def test_memory_that_ran_out_is_recognised_in_the_words_of_each_library(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shape mismatch"), OSError(errno.ENOSPC, "No space left"), ValueError("memory")],
    ids=str,
)
def test_other_errors_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)


def test_the_patch_proposed_is_smaller_and_still_fits_the_network():
    assert smaller_patch((96, 96, 96), (16, 16, 16)) == [80, 80, 80]
    assert smaller_patch((16, 32, 64), (16, 16, 16)) == [16, 16, 48]


@pytest.mark.parametrize(
    ("place", "proposed", "other"),
    [("device", "train.patches_on=cpu", "num_workers"), ("cpu", "train.num_workers=0", "patches_on")],
)
def test_what_is_proposed_fits_the_place_where_patches_are_made(place, proposed, other):
    config = StageConfig.model_validate(
        {"patch": {"patch_size": (32, 32, 32)}, "train": {"patches_on": place, "num_workers": 2}}
    )
    message = str(out_of_memory(config, (16, 16, 16)))
    assert proposed in message
    assert other not in message
