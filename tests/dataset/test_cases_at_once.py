"""How many cases are read or prepared at once."""

import os
from types import SimpleNamespace

import psutil
import pytest

from segtrail.parallel import count_at_once


@pytest.mark.parametrize(("bytes_of_each", "expected"), [(1e6, 4), (30e6, 3), (60e6, 1), (1e12, 1), (0.0, 4)])
def test_as_many_cases_are_worked_on_as_the_memory_holds(
    monkeypatch: pytest.MonkeyPatch, bytes_of_each: float, expected: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=100_000_000))
    assert count_at_once(bytes_of_each) == expected


def test_no_more_cases_are_worked_on_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert count_at_once(1.0) == 2
