import json
import multiprocessing
import os
import time

import psutil
import pytest

from segtrail.preprocessing.leases import lease, leased_entries

SPAWN = multiprocessing.get_context("spawn")
DAY_SECONDS = 24 * 3600


def hold(cache_root, ready, stop):
    """Hold a lease in another process until told to stop, or die with it."""
    with lease(cache_root, {"held": 5}):
        ready.set()
        if stop is None:
            os._exit(9)
        stop.wait(120)


def files(cache_root):
    return list((cache_root / "leases").glob("*.json"))


def change_lease(cache_root, **changes):
    (path,) = files(cache_root)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_a_lease_holds_for_as_long_as_its_block(tmp_path):
    with lease(tmp_path, {"a": 1, "b": 2}), lease(tmp_path, {"c": 3}):
        assert leased_entries(tmp_path) == {"a": 1, "b": 2, "c": 3}
    assert leased_entries(tmp_path) == {}
    assert files(tmp_path) == []


def test_a_lease_ends_with_an_error_too(tmp_path):
    with pytest.raises(ZeroDivisionError), lease(tmp_path, {"a": 1}):
        1 / 0  # noqa: B018
    assert files(tmp_path) == []


def test_a_cache_without_leases_holds_nothing(tmp_path):
    assert leased_entries(tmp_path / "nowhere") == {}


def test_a_lease_of_another_living_process_holds(tmp_path):
    ready, stop = SPAWN.Event(), SPAWN.Event()
    process = SPAWN.Process(target=hold, args=(tmp_path, ready, stop))
    process.start()
    try:
        assert ready.wait(120)
        assert leased_entries(tmp_path) == {"held": 5}
    finally:
        stop.set()
        process.join(120)
    assert leased_entries(tmp_path) == {}


def test_a_lease_of_a_dead_process_is_removed(tmp_path):
    ready = SPAWN.Event()
    process = SPAWN.Process(target=hold, args=(tmp_path, ready, None))
    process.start()
    process.join(120)
    assert process.exitcode == 9
    assert len(files(tmp_path)) == 1
    assert leased_entries(tmp_path) == {}
    assert files(tmp_path) == []


def test_a_process_number_that_was_given_to_another_process_does_not_count(tmp_path):
    with lease(tmp_path, {"a": 1}):
        started = psutil.Process().create_time()
        change_lease(tmp_path, process_started=started - 3600)
        assert leased_entries(tmp_path) == {}
        assert files(tmp_path) == []


@pytest.mark.parametrize(("age_days", "held"), [(1, {"a": 1}), (8, {})])
def test_a_lease_of_another_machine_counts_for_a_week(tmp_path, age_days, held):
    with lease(tmp_path, {"a": 1}):
        path = change_lease(tmp_path, machine="another", process=1)
        written = time.time() - age_days * DAY_SECONDS
        os.utime(path, (written, written))
        assert leased_entries(tmp_path) == held


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"machine": 1}'])
def test_a_damaged_lease_hides_no_other(tmp_path, content):
    with lease(tmp_path, {"a": 1}):
        (tmp_path / "leases" / "damaged.json").write_text(content)
        assert leased_entries(tmp_path) == {"a": 1}
