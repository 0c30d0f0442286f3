"""The estimate of energy is that of its formula."""

import pytest

from segtrail.provenance.energy import estimate_energy


def test_an_hour_of_one_core_without_memory_is_twelve_watt_hours() -> None:
    energy = estimate_energy(wall_seconds=3600, cpu_seconds=3600, memory_gb=0, gpu_seconds=0, gpu_watts=None)
    assert energy["kwh"] == pytest.approx(0.012)


def test_memory_counts_by_the_clock_and_a_card_by_its_own_time() -> None:
    energy = estimate_energy(wall_seconds=7200, cpu_seconds=0, memory_gb=100, gpu_seconds=1800, gpu_watts=400)
    assert energy["kwh"] == pytest.approx(2 * 0.03725 + 0.2)


def test_a_card_of_unknown_power_leaves_the_energy_open() -> None:
    energy = estimate_energy(wall_seconds=10, cpu_seconds=10, memory_gb=1, gpu_seconds=5, gpu_watts=None)
    assert energy["kwh"] is None
