"""The montage that a run keeps of its data: bounded in size, the same for the same cases, and shown in the report."""

import io

import numpy as np
import pytest
from made_reports import make_report
from PIL import Image
from pypdf import PdfReader

from segtrail.dataset.reading.quick_look import QuickLook
from segtrail.dataset.reading.scan import CaseScan
from segtrail.dataset.split import Split
from segtrail.errors import InputError
from segtrail.report.dataset_montage import montage_of_run


def noisy_scan(number: int) -> CaseScan:
    """A case whose picture no compression makes small."""
    image = np.random.default_rng(number).integers(0, 256, (192, 192), dtype=np.uint8)
    look = QuickLook(image, np.zeros_like(image), np.zeros((16, 16, 16), dtype=np.float32))
    return CaseScan(f"case_{number}", None, None, None, (), {}, (), look)


def split_of(scans: list[CaseScan], n_val: int) -> Split:
    names = [scan.case for scan in scans]
    return Split("named", 0, None, tuple(names[n_val:]), tuple(names[:n_val]), ())


def write_montage(run, n_cases: int = 12) -> bytes:
    scans = [noisy_scan(number) for number in range(n_cases)]
    content = montage_of_run(scans, [], split_of(scans, 4))
    run.path.joinpath("dataset_montage.png").write_bytes(content)
    return content


@pytest.mark.parametrize("n_cases", [1, 100, 1000])
def test_the_montage_of_a_run_has_at_most_a_megabyte_and_shows_at_most_four_hundred_cases(n_cases):
    pool = [noisy_scan(number) for number in range(8)]
    scans = [pool[number % 8] for number in range(n_cases)]
    content = montage_of_run(scans, [], split_of(pool, 2))
    assert len(content) <= 1_000_000
    assert montage_of_run(scans, [], split_of(pool, 2)) == content


def test_training_cases_come_first():
    dark, light = noisy_scan(0), noisy_scan(1)
    dark.quick_look.image[:] = 0
    light.quick_look.image[:] = 255
    sheet = Image.open(io.BytesIO(montage_of_run([dark, light], [], split_of([dark, light], 1))))
    pixels = np.asarray(sheet.convert("L"))
    middle = pixels[pixels.shape[0] // 2]
    assert middle[len(middle) // 4] == 255
    assert middle[3 * len(middle) // 4] == 0


def read_text(path) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(path).pages)
    return " ".join(text.replace("\u200b", "").split())


def test_the_report_shows_the_montage_with_its_cases_in_order(make_run):
    run = make_run()
    assert "Montage" not in read_text(make_report(run.path))
    write_montage(run)
    text = read_text(make_report(run.path))
    assert "Every case: the axial slice with the most label" in text
    assert "line by line, 8 training and 4 validation." in text


def test_a_sample_is_said_to_be_one(make_run):
    run = make_run(n_train=500)
    write_montage(run)
    assert "400 of 504 cases, evenly spaced" in read_text(make_report(run.path))


def test_a_damaged_montage_is_named(make_run):
    run = make_run()
    content = write_montage(run)
    run.path.joinpath("dataset_montage.png").write_bytes(content[:1000])
    with pytest.raises(InputError, match=r"dataset_montage\.png is damaged and can't be shown"):
        make_report(run.path)
