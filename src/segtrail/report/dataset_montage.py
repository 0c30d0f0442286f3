"""The montage of a data set: every case as a tile, framed by what the checks said of it."""

from collections.abc import Sequence

from segtrail.dataset.checking.checks import CheckResult
from segtrail.dataset.reading.scan import CaseScan
from segtrail.dataset.split import Split
from segtrail.report.montage import MOST_TILES_OF_RUN, Tile, draw_montage
from segtrail.report.parts import Tone

SHEET_PIXELS = 24e6
_MOST_BYTES_OF_RUN = 1_000_000
_MOST_PIXELS_OF_RUN, _FEWEST_PIXELS = 3e6, 1e5
_SIDES = ("train", "val", "test", "unused")
TONES: dict[str, Tone] = {"error": "bad", "warning": "warning", "note": "neutral"}


def montage_of(
    scans: Sequence[CaseScan], results: Sequence[CheckResult], most_pixels: float = SHEET_PIXELS
) -> bytes:
    """Draw every case of a data set on one sheet, framed by what the checks said of it.

    Args:
        scans: One scan per case.
        results: The results of the checks.
        most_pixels: Size to keep the sheet below.

    Returns:
        A PNG.
    """
    tones = tones_by_case(results)
    tiles = [
        Tile(
            scan.case,
            None if scan.quick_look is None else scan.quick_look.image,
            None if scan.quick_look is None else scan.quick_look.label,
            tones.get(scan.case, "neutral"),
        )
        for scan in scans
    ]
    return draw_montage(tiles or [Tile("no case", None, None)], most_pixels)


def montage_of_run(scans: Sequence[CaseScan], results: Sequence[CheckResult], split: Split) -> bytes:
    """Draw the cases of a run, those of training first, then validation and test.

    Args:
        scans: One scan per case; of more than ``MOST_TILES_OF_RUN``, so many are shown, evenly spaced.
        results: The results of the checks.
        split: The sides.

    Returns:
        A PNG of at most a megabyte; the same cases give the same bytes.
    """
    by_side = sorted(scans, key=lambda scan: _SIDES.index(split.side(scan.case)))
    n_shown = min(len(by_side), MOST_TILES_OF_RUN)
    shown = [by_side[number * len(by_side) // n_shown] for number in range(n_shown)]
    pixels = _MOST_PIXELS_OF_RUN
    while True:
        content = montage_of(shown, results, pixels)
        if len(content) <= _MOST_BYTES_OF_RUN or pixels < _FEWEST_PIXELS:
            return content
        pixels *= 0.95 * _MOST_BYTES_OF_RUN / len(content)


def tones_by_case(results: Sequence[CheckResult]) -> dict[str, Tone]:
    """Say how bad what the checks found is, for each case of which they found something.

    Args:
        results: The results of the checks; notes frame nothing.
    """
    tones: dict[str, Tone] = {}
    for result in results:
        for finding in result.findings:
            for case in finding.cases:
                if result.severity != "note" and tones.get(case) != "bad":
                    tones[case] = TONES[result.severity]
    return tones
