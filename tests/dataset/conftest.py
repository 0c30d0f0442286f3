"""Data sets read the way a run reads them."""

from collections.abc import Callable

import pytest

from segtrail.dataset.checking.checks import CheckResult, check_dataset
from segtrail.dataset.description import read_description
from segtrail.dataset.reading.scan import CaseScan, scan_dataset


@pytest.fixture
def scan() -> Callable[..., tuple[CaseScan, ...]]:
    """Read every case of a data set folder."""

    def read(folder, tolerance_mm=0.1):
        return scan_dataset(read_description(folder.root), tolerance_mm)

    return read


@pytest.fixture
def failed_checks(scan) -> Callable[..., dict[str, CheckResult]]:
    """Check a data set folder and return the checks that found something, by ID."""

    def check(folder, tolerance_mm=0.1):
        results = check_dataset(read_description(folder.root), scan(folder, tolerance_mm))
        return {result.check.id: result for result in results if not result.passed}

    return check
