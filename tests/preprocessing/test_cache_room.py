import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock

from segtrail.config.schema import PreprocessConfig
from segtrail.errors import InputError
from segtrail.preprocessing.cache import VolumeCache
from segtrail.preprocessing.leases import lease

NATIVE = PreprocessConfig(spacing=(1.0, 1.0, 2.0))
SHAPE = (26, 24, 22)


def fill(data, *cases):
    """Prepare cases; the first named was used least recently."""
    for age, case in enumerate(reversed(cases)):
        prepared, _ = data.prepare(case, NATIVE)
        long_ago = time.time() - 1000 * (age + 1)
        os.utime(prepared.folder, (long_ago, long_ago))


def present(data):
    return {
        case for case in data.scans if (data.cache.root / data.key(case, NATIVE) / "entry.json").is_file()
    }


def stored_bytes(data):
    return sum(file.stat().st_size for file in data.cache.root.rglob("*.*") if file.is_file())


def make_room(cache, data, *cases):
    cache.make_room({data.key(case, NATIVE): data.scans[case] for case in cases}, NATIVE)


@pytest.fixture
def data(cached, make_dataset):
    """A data set of six cases of one size."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[8:16, 8:16, 8:16] = 1
    return cached(make_dataset(6, label=labels))


def test_nothing_is_deleted_while_there_is_room(data):
    fill(data, "case_0", "case_1", "case_2")
    make_room(data.limit(4, NATIVE), data, "case_3")
    assert present(data) == {"case_0", "case_1", "case_2"}


def test_the_least_recently_used_go_first(data):
    cache = data.limit(4, NATIVE)
    fill(data, "case_2", "case_0", "case_3", "case_1")
    make_room(cache, data, "case_4", "case_5")
    assert present(data) == {"case_3", "case_1"}


def test_finding_an_entry_counts_as_using_it(data):
    cache = data.limit(3, NATIVE)
    fill(data, "case_0", "case_1", "case_2")
    data.prepare("case_0", NATIVE)
    make_room(cache, data, "case_4")
    assert present(data) == {"case_0", "case_2"}


def test_entries_of_the_run_itself_are_kept_and_not_counted_twice(data):
    cache = data.limit(3, NATIVE)
    fill(data, "case_0", "case_1", "case_2")
    make_room(cache, data, "case_0", "case_1", "case_3")
    assert present(data) == {"case_0", "case_1"}


def test_an_entry_that_a_run_holds_is_never_deleted(data):
    cache = data.limit(3, NATIVE)
    fill(data, "case_0", "case_1", "case_2")
    with lease(data.cache.root, {data.key("case_0", NATIVE): 1}):
        make_room(cache, data, "case_4", "case_5")
        assert present(data) == {"case_0"}
    make_room(cache, data, "case_3", "case_4", "case_5")
    assert present(data) == set()


def test_a_cache_full_of_entries_in_use_is_told(data):
    cache = data.limit(2, NATIVE)
    fill(data, "case_0", "case_1")
    with (
        lease(data.cache.root, {data.key("case_0", NATIVE): 1, data.key("case_1", NATIVE): 1}),
        pytest.raises(InputError, match=r"full of entries that are in use.*cache_limit_gb"),
    ):
        make_room(cache, data, "case_4")
    assert present(data) == {"case_0", "case_1"}


def test_a_data_set_that_can_never_fit_is_told_and_nothing_is_deleted(data):
    cache = data.limit(2, NATIVE)
    fill(data, "case_0", "case_1")
    with pytest.raises(InputError, match=r"need .* GB, but preprocess\.cache_limit_gb allows"):
        make_room(cache, data, "case_2", "case_3", "case_4")
    assert present(data) == {"case_0", "case_1"}


def test_on_a_full_disk_what_will_be_deleted_counts_as_room(data, monkeypatch):
    cache = data.limit(3, NATIVE)
    fill(data, "case_0", "case_1", "case_2")
    disk_bytes = stored_bytes(data) * 3.5 / 3

    def disk_usage(_):
        return SimpleNamespace(free=int(disk_bytes) - stored_bytes(data))

    monkeypatch.setattr("shutil.disk_usage", disk_usage)
    make_room(cache, data, "case_3")
    assert present(data) == {"case_1", "case_2"}


def test_a_disk_that_is_full_of_other_things_is_told(data, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match=r"paths\.cache_root"):
        make_room(data.cache, data, "case_0")


def test_the_room_asked_for_is_enough_for_what_is_then_prepared(data):
    cache = data.limit(3, NATIVE)
    fill(data, "case_0", "case_1", "case_2")
    make_room(cache, data, "case_3", "case_4")
    fill(data, "case_3", "case_4")
    assert len(present(data)) == 3


def test_what_killed_runs_left_half_built_is_cleared_away_in_time(data):
    fill(data, "case_0")
    half_built = data.cache.root / "0123456789abcdef.0a1b2c3d.building"
    half_built.mkdir()
    half_built.joinpath("image.npy").write_bytes(bytes(10_000_000))
    month_ago = time.time() - 30 * 24 * 3600
    os.utime(half_built / "image.npy", (month_ago, month_ago))
    os.utime(half_built, (month_ago, month_ago))
    make_room(data.limit(2, NATIVE), data, "case_1")
    assert not half_built.exists()


def test_runs_that_make_room_at_once_do_not_trip_over_each_other(data):
    """Many small entries, so that one run deletes while another counts."""
    fill(data, "case_0")
    cache = VolumeCache(data.cache.root, 50.0)
    for number in range(400):
        entry = data.cache.root / f"{number:032x}"
        entry.mkdir()
        entry.joinpath("entry.json").write_bytes(bytes(1000))
    barrier = Barrier(8)

    def squeeze(_):
        barrier.wait()
        make_room(data.limit(1, NATIVE), data, "case_0")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(squeeze, range(8)))
    make_room(cache, data, "case_0")
    assert "case_0" in present(data)


def test_runs_that_start_at_once_keep_to_the_limit_together(data):
    """What a run will make counts from the moment it made room for it."""
    first, second = data.limit(4, NATIVE), data.limit(4, NATIVE)
    fill(data, "case_0", "case_1")
    with first.claim([data.scans[case] for case in ("case_2", "case_3")], NATIVE):
        with second.claim([data.scans["case_4"]], NATIVE):
            assert present(data) == {"case_1"}
        with (
            pytest.raises(InputError, match="entries that are in use"),
            second.claim([data.scans[case] for case in ("case_0", "case_4", "case_5")], NATIVE),
        ):
            pass


def test_a_run_waits_while_another_makes_room_and_says_so_when_that_takes_too_long(data, monkeypatch):
    monkeypatch.setattr("segtrail.preprocessing.cache._LOCK_SECONDS", 0.2)
    claim = data.cache.claim([data.scans["case_0"]], NATIVE)
    with (
        FileLock(data.cache.root / ".lock"),
        pytest.raises(InputError, match="Another run has been making room"),
        claim,
    ):
        pass


def test_a_claim_ends_with_its_block(data):
    cache = data.limit(2, NATIVE)
    with cache.claim([data.scans["case_0"], data.scans["case_1"]], NATIVE):
        pass
    with cache.claim([data.scans["case_2"], data.scans["case_3"]], NATIVE):
        pass
