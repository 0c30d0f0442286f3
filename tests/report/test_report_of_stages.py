import re
import subprocess
import sys

import pytest
from made_reports import make_report
from pypdf import PdfReader

from segtrail.errors import InputError

UNSURE = {"reason": "low_confidence", "evidence": "It is unsure (0.60).", "action": "widened"}
ODD_VOLUME = {"reason": "volume", "evidence": "It found 400 mL of left atrium.", "action": "kept"}


def read_text(path):
    pages = [page.extract_text() for page in PdfReader(path).pages]
    return re.sub(r"\s+", " ", " ".join(pages).replace("\u200b", ""))


def headings(path):
    def walk(items):
        return [
            found for item in items for found in (walk(item) if isinstance(item, list) else [item["/Title"]])
        ]

    return walk(PdfReader(path).outline)


@pytest.fixture
def staged_run(make_run):
    run = make_run()
    run.write_stages()
    run.write_regions(
        {"case": "la_000", "side": "train"},
        {"case": "la_001", "side": "train", "network": "coarse_fold2", "centre_offset_mm": [0.0, 0.0, -7.0]},
        {"case": "la_008", "side": "val", "network": "coarse", "centre_offset_mm": [0.0, 9.0, 0.0]},
    )
    run.write_inference(la_008=[], la_009=[])
    return run


def test_the_first_page_names_both_networks_and_the_epochs_of_each(staged_run):
    text = read_text(make_report(staged_run.path))
    assert (
        "the networks “coarse” (fast) and “fine” (fast), one after the other, reach on 4 validation" in text
    )
    assert "coarse: fast, 101,234 parameters; fine: fast, 202,345 parameters" in text
    assert "coarse 3 of 3, fine 6 of 8" in text
    assert "6 of fine, validation Dice 0.743 (the last one, whatever its score)" in text


def test_a_last_epoch_by_rule_needs_no_caution(staged_run):
    text = read_text(make_report(staged_run.path))
    assert "in this run the validation cases chose nothing" in text
    assert "Chosen: the last epoch, as was settled before training" in text
    assert "optimistic" not in text
    assert "lone peak" not in text


def test_each_stage_has_its_curves_and_the_networks_of_the_folds_share_one(staged_run):
    path = make_report(staged_run.path)
    titles = headings(path)
    assert titles.index("Training") < titles.index("Stage coarse") < titles.index("Stage fine")
    assert not any("fold" in title for title in titles)
    text = read_text(path)
    assert "Training losses of 2 networks like “coarse”" in text
    assert "One epoch coarse 1.5 s, fine 4.0 s (median)" in text
    assert "coarse 4.5 s; coarse_fold1, coarse_fold2 9.0 s; fine 24.0 s" in text


def test_the_stages_of_the_configuration_stand_beside_each_other(staged_run):
    text = read_text(make_report(staged_run.path))
    assert "train.max_epochs * 3 * 8" in text
    assert "preprocess.spacing * [4.0, 4.0, 4.0] * [1.25, 1.25, 2]" in text


def test_regions_are_described_with_how_they_were_found(staged_run):
    text = read_text(make_report(staged_run.path))
    assert "“coarse” goes over the whole volume at 4 × 4 × 4 mm" in text
    assert "96 × 112 × 64 voxels, 120 × 140 × 128 mm" in text
    assert "found by 2 networks that did not train on them; centre off by 6.0 mm in the mean, 7.0 mm" in text
    assert "found by “coarse”; centre off by 9.0 mm in the mean" in text
    assert "Every region holds its organ whole, and no search had the guard's attention." in text.replace(
        "’", "'"
    )


def test_training_regions_of_the_network_that_knows_the_cases_are_told(staged_run):
    staged_run.write_regions({"case": "la_000", "side": "train", "network": "coarse"})
    text = read_text(make_report(staged_run.path))
    assert "found by “coarse” itself, which was trained on them, so better than in new cases" in text


def test_cases_that_the_regions_cut_or_the_guard_doubted_are_listed_with_what_was_done(staged_run):
    staged_run.write_regions(
        {"case": "la_000", "side": "train", "guard": [UNSURE]},
        {"case": "la_001", "side": "train"},
        {
            "case": "la_008",
            "side": "val",
            "network": "coarse",
            "covered_percent": 99.99,
            "least_room_mm": -2.75,
        },
    )
    text = read_text(make_report(staged_run.path))
    assert "Of 3 cases: 1 case whose regions do not hold the organ whole and 1 case where" in text
    assert "la_008 validation 99.9 −2.8 The guard saw nothing." in text
    assert "la_000 training 100.0 12.5 It is unsure (0.60). The region was widened." in text
    assert "la_001 training" not in text


def test_a_case_without_organ_or_region_is_counted_and_not_drawn(staged_run):
    nothing = {"windows": [], "centre_offset_mm": None, "covered_percent": None, "least_room_mm": None}
    staged_run.write_regions(
        {"case": "la_000", "side": "train"}, {"case": "la_001", "side": "train", **nothing}
    )
    assert "; 1 case without an organ or a region" in read_text(make_report(staged_run.path))
    staged_run.write_regions({"case": "la_001", "side": "train", **nothing})
    assert "No region could be measured against a reference." in read_text(make_report(staged_run.path))


def test_a_hundred_cases_with_any_name_are_drawn(staged_run, recwarn):
    cases = [{"case": f"症例 $x_{n}$ {'long' * 9}", "side": "train" if n % 3 else "val"} for n in range(100)]
    staged_run.write_regions(*cases[:30])
    first = make_report(staged_run.path).read_bytes()
    assert make_report(staged_run.path).read_bytes() == first
    staged_run.write_regions(*cases)
    make_report(staged_run.path)
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_what_the_guard_did_to_evaluated_cases_is_listed(staged_run):
    staged_run.write_inference(la_008=[UNSURE, ODD_VOLUME], la_009=[])
    text = read_text(make_report(staged_run.path))
    assert "1 of 2 evaluated cases had the guard" in text
    assert (
        "la_008 validation Unsure, unusual volume It is unsure (0.60). The region was widened. It found"
        in text
    )
    assert "It found 400 mL of left atrium." in text


def test_no_doubts_are_told_in_a_sentence(staged_run):
    assert re.search("No case had the guard.s attention", read_text(make_report(staged_run.path)))


def test_a_run_with_one_stage_has_no_sections_of_regions_and_guard(make_run):
    run = make_run()
    run.write_inference(la_008=[], la_009=[])
    run.change_json(
        "run.json", stages=[{"stage": "main", "name": "fast", "parameters": 1034567, "source_sha256": None}]
    )
    with_stage = make_report(run.path).read_bytes()
    titles = headings(run.path / "report.pdf")
    assert not {"Regions", "The guard", "Stage main"} & set(titles)
    run.write_run()
    assert make_report(run.path).read_bytes() == with_stage
    run.path.joinpath("inference.json").unlink()
    assert headings(make_report(run.path)) == titles


def test_a_part_left_out_by_a_run_with_one_stage_is_told(make_run):
    run = make_run()
    part = {"reason": "other_part", "evidence": "A second part lies apart.", "action": "left_out"}
    run.write_inference(la_008=[part])
    assert "A second part lies apart. It was left out." in read_text(make_report(run.path))


def test_a_run_interrupted_in_its_first_stage_has_a_report(staged_run):
    history = staged_run.path / "history.csv"
    lines = history.read_text(encoding="utf-8").splitlines(keepends=True)
    history.write_text("".join(lines[:4]), encoding="utf-8")
    for file in ("metrics_summary.json", "regions.json", "inference.json"):
        staged_run.path.joinpath(file).unlink()
    staged_run.change_json("run.json", status="interrupted", ended_because="Ctrl-C came")
    text = read_text(make_report(staged_run.path))
    assert "It recorded 3 epochs of coarse and 0 epochs of fine." in text
    assert "was 0.667, in epoch 3 of coarse. It is a score on the way and is no result." in text
    assert "No epoch of this stage ended." in text


def test_a_damaged_record_of_regions_is_named(staged_run):
    staged_run.change_json("regions.json", cases=[{"case": "la_000"}])
    with pytest.raises(InputError, match=r"regions.json is damaged: at cases.0.side: field required"):
        make_report(staged_run.path)


def test_a_report_of_stages_imports_neither_torch_nor_scipy(staged_run):
    program = (
        "import sys; from pathlib import Path; from segtrail.report.make import make_reports; "
        f"make_reports(Path({str(staged_run.path)!r})); "
        "print([name for name in ('torch', 'monai', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_long_list_of_doubts_ends_with_how_many_more_there_are(staged_run):
    cases = [{"case": f"la_{number:03d}", "side": "train", "guard": [UNSURE]} for number in range(35)]
    staged_run.write_regions(*cases, {"case": "la_035", "side": "val", "covered_percent": 80.0})
    text = read_text(make_report(staged_run.path))
    assert "6 more cases in regions.json." in text
    assert "la_035 validation 80.0" in text
