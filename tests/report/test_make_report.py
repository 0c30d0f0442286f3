import json
import re
import sys
from pathlib import Path

import pytest
from made_reports import make_report
from pypdf import PdfReader, PdfWriter

from segtrail.errors import InputError
from segtrail.report.make import make_reports
from segtrail.report.run_contents import read_run


def read_text(path: Path) -> str:
    """All text of a report on one line, without the marks that let long words break."""
    pages = [page.extract_text() for page in PdfReader(path).pages]
    return re.sub(r"\s+", " ", " ".join(pages).replace("\u200b", ""))


def structure(path: Path) -> list[dict]:
    """Every element of the tags of a report."""

    def walk(node):
        node = node.get_object() if hasattr(node, "get_object") else node
        if isinstance(node, list):
            return [found for child in node for found in walk(child)]
        if not isinstance(node, dict):
            return []
        return [node, *walk(node.get("/K", []))]

    return walk(PdfReader(path).trailer["/Root"]["/StructTreeRoot"]["/K"])


def test_the_report_says_what_was_trained_on_what_with_which_result(plain_report):
    text = read_text(plain_report)
    assert "Trained on 8 cases of LeftAtriumMini, the network “fast” reaches on 4 validation cases" in text
    assert "a mean Dice of 0.846 for left atrium (n = 4, 95% interval 0.821 to 0.869; indicative only" in text
    assert "No case failed." in text
    assert "A score used for choosing is optimistic." in text
    assert "4, validation Dice 0.750 (highest val_dice, the earliest epoch on a tie)" in text
    assert "6, validation Dice 0.743" in text
    for fact in (
        "CC-BY-SA 4.0",
        "1,034,567 parameters",
        "Test CPU, fp32, 2 threads",
        "For research use only",
    ):
        assert fact in text


def test_the_table_of_metrics_says_which_interval_it_gives_and_how_many_failed(plain_report):
    text = read_text(plain_report)
    assert "95% CI of the mean" in text
    assert "Validation, left atrium: n = 4, 0 failed." in text
    assert "CI: 95% confidence interval of the mean, " in text


def test_every_case_stands_in_the_report_rounded_for_reading(plain_report):
    text = read_text(plain_report)
    for number in range(8, 12):
        assert f"la_{number:03d} 0.846 0.500 4.25 −1.2 ok" in text


def test_the_verdict_says_what_passed_what_needs_a_look_and_what_is_not_done(plain_report):
    text = read_text(plain_report)
    assert "training, to its planned end; no class missed or invented in 4 validation cases" in text
    assert "To be looked at: 1 check of the data that found something" in text
    assert "Not done: a test on cases that took no part in training or choosing" in text


def test_the_verdict_names_failed_cases_and_a_run_that_did_not_end(make_run):
    run = make_run()
    run.write_cases(
        [(f"la_{number:03d}", "val") for number in range(8, 12)], ["left atrium"], failed="la_009"
    )
    run.change_json("run.json", status="interrupted", ended_because="Ctrl-C came")
    text = read_text(make_report(run.path))
    assert "To be looked at: the run is interrupted;" in text
    assert "1 case that failed (la_009)" in text


def test_use_and_limitations_are_those_of_the_model_card(make_run):
    run = make_run()
    card = """# Model card

## Intended use

The network marks \\[left atrium\\], for research.

<!-- to be written by a person: intended-use -->

*To be written by a person: What is it for?*

## Limitations

- It was trained on 8 cases.
- Spacing comes from the header.

## Failure modes

- no limitation
"""
    (run.path / "model_card.md").write_text(card, encoding="utf-8")
    text = read_text(make_report(run.path))
    assert "The network marks [left atrium], for research." in text
    assert "It was trained on 8 cases. • Spacing comes from the header." in text
    assert "no limitation" not in text
    assert "1 answer that only a person can give was missing when this report was made: intended-use." in text


def test_values_that_are_not_the_default_are_marked(make_run):
    run = make_run()
    run.write_config(train={"max_epochs": 6, "batch_size": 2}, optim={"lr": 0.5})
    text = read_text(make_report(run.path))
    assert "* train.max_epochs 6" in text
    assert "* optim.lr 0.5" in text
    assert "* train.batch_size" not in text
    assert "train.batch_size 2" in text


@pytest.mark.parametrize(("page", "width", "height"), [("a4", 595, 842), ("letter", 612, 792)])
def test_the_paper_is_the_one_that_the_configuration_names(make_run, page, width, height):
    run = make_run()
    run.write_config(report={"page": page})
    box = PdfReader(make_report(run.path)).pages[0].mediabox
    assert (round(box.width), round(box.height)) == (width, height)


def test_every_metric_is_shown_with_every_case(plain_report):
    text = read_text(plain_report)
    assert "Spread over cases" in text
    assert "Validation: every case as a dot, the median as a line." in text


@pytest.mark.parametrize(("n_val", "marked"), [(9, True), (10, False)])
def test_limits_of_agreement_from_few_cases_are_called_indicative(make_run, n_val, marked):
    run = make_run(n_val=n_val)
    volumes = {"reference_volume_ml": 80.0, "predicted_volume_ml": 81.5}
    rows = [
        {"case": f"la_{k}", "split": "val", "class": "left atrium", **volumes, "status": "ok"}
        for k in range(n_val)
    ]
    run.write_csv("metrics_cases.csv", rows)
    text = read_text(make_report(run.path))
    assert "agreement of volumes" in text
    assert ("Limits from fewer than ten cases are indicative only." in text) == marked


def test_probabilities_are_held_against_what_came_true(plain_report):
    text = read_text(plain_report)
    assert "Validation: probabilities and what came true." in text
    assert "left atrium 12 0.050 +0.050 0.050 (la_008)" in text


def test_a_run_of_an_older_version_has_no_calibration(make_run):
    run = make_run()
    run.path.joinpath("calibration.json").unlink()
    assert "Calibration" not in read_text(make_report(run.path))


def test_intensities_and_volumes_of_each_side_stand_in_the_report(plain_report):
    text = read_text(plain_report)
    assert "Intensity of MRI, median 106 (100 to 111) 104 (100 to 107) 110 (108 to 111)" in text
    assert "Intensity of MRI, 95th percentile 900 900 900" in text
    assert "Every case as a dot, the median of its side as a line." in text


def test_data_checks_definitions_and_configuration_stand_in_the_report(plain_report):
    text = read_text(plain_report)
    assert "la_005: la_005 and la_026 hold the same voxels. What to do: Keep one of them." in text
    assert "95th percentile of distances." in text
    assert "patch.patch_size [96, 96, 96]" in text
    assert "train.max_epochs 6" in text


@pytest.mark.usefixtures("drawn_anew")
def test_the_same_run_gives_the_same_bytes(make_run):
    run = make_run()
    first = make_report(run.path).read_bytes()
    assert make_report(run.path).read_bytes() == first


@pytest.mark.usefixtures("drawn_anew")
def test_the_time_the_report_took_does_not_change_it(make_run):
    run = make_run()
    first = make_report(run.path).read_bytes()
    run.change_json("run.json", seconds={"train": 250.1, "report": 99.0})
    assert make_report(run.path).read_bytes() == first


def test_the_pdf_is_archivable_tagged_and_dated_by_the_run(plain_report):
    reader = PdfReader(plain_report)
    metadata = reader.xmp_metadata.stream.get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert reader.metadata.title == "Segmentation report: baseline_3d_unet_heart"
    assert reader.metadata.creation_date.isoformat() == "2026-11-23T23:20:11+00:00"


SECTIONS = [
    "Summary",
    "The data",
    "Training",
    "Results",
    "Pictures of cases",
    "Failures and limitations",
    "Provenance",
    "Configuration",
    "CLAIM",
]


def sections(path: Path) -> list[str]:
    """The headings of the first level, in their order."""
    return [item["/Title"] for item in PdfReader(path).outline if not isinstance(item, list)]


def test_the_sections_stand_in_their_order(plain_report):
    assert sections(plain_report) == SECTIONS


def test_the_first_page_is_one_page_with_a_long_name_and_thirty_classes(make_run):
    run = make_run(classes=[f"organ {number} of the abdomen" for number in range(30)])
    name = "segmentation_of_all_organs_of_the_abdomen_in_computed_tomography" * 3
    run.change_json("run.json", project=name, note="ask about contrast " * 40, operator=name)
    run.change_json("dataset_summary.json", name=name, reference="A. Author, " * 60)
    pages = [page.extract_text() for page in PdfReader(make_report(run.path)).pages]
    assert "For research use only. Not a medical device" in pages[0]
    assert "The data" in pages[1].split("Split")[0]


def test_every_figure_has_alt_text_and_every_font_is_embedded(plain_report):
    figures = [element for element in structure(plain_report) if element.get("/S") == "/Figure"]
    assert len(figures) == 10
    assert all(len(figure["/Alt"]) > 10 for figure in figures)
    for page in PdfReader(plain_report).pages:
        for font in page["/Resources"]["/Font"].values():
            descriptor = font["/DescendantFonts"][0]["/FontDescriptor"]
            assert "/FontFile2" in descriptor or "/FontFile3" in descriptor


def test_no_path_of_the_machine_is_in_the_pdf(make_run, tmp_path):
    path = make_report(make_run().path)
    objects = PdfWriter(clone_from=PdfReader(path))._objects
    streams = [item.get_data() for item in objects if hasattr(item, "get_data")]
    everything = b"".join([path.read_bytes(), repr(objects).encode(), *streams])
    for name in (str(tmp_path), str(Path.home()), str(Path.cwd()), "segtrail_report_"):
        assert name.encode() not in everything


def test_making_a_report_leaves_nothing_else_behind(make_run):
    run = make_run()
    before = sorted(run.path.rglob("*"))
    make_report(run.path)
    assert sorted(run.path.rglob("*")) == sorted([*before, run.path / "report.html", run.path / "report.pdf"])


def test_sixty_cases_three_classes_and_a_test_side_fill_pages_under_repeated_headers(make_run):
    run = make_run(n_train=100, n_val=45, n_test=15, classes=("left atrium", "aorta", "vein"))
    reader = PdfReader(make_report(run.path))
    text = read_text(run.path / "report.pdf")
    assert "reaches on 15 test cases a mean Dice of 0.846 for left atrium" in text
    assert "It reaches on 45 validation cases" in text
    assert text.count("la_159 test 0.846") == 3
    case_pages = [
        page.extract_text()
        for page in reader.pages
        if "validation 0.846" in page.extract_text().replace("\n", " ")
    ]
    assert len(case_pages) > 1
    assert all("Status" in page for page in case_pages)


def test_more_classes_than_a_sentence_holds_are_given_by_their_range(make_run):
    text = read_text(make_report(make_run(classes=[f"organ {k}" for k in range(5)]).path))
    assert "mean Dice values from 0.846 (organ 0) to 0.846 (organ 4) over 5 classes" in text


@pytest.mark.requirement("RES-03")
def test_failed_cases_are_named(make_run):
    run = make_run()
    run.write_cases([("la_008", "val"), ("la_009", "val")], ["left atrium"], failed="la_009")
    text = read_text(make_report(run.path))
    assert "Missed (there, nothing predicted): la_009 (left atrium)." in text
    assert "la_009 0.846 0.500 4.25 −1.2 missed" in text


def test_one_case_that_is_best_median_and_worst_is_shown_once(make_run):
    run = make_run(n_val=3)
    run.write_examples(("best", "la_008"), ("median", "la_008"), ("worst", "la_008"))
    text = read_text(make_report(run.path))
    assert text.count("Worst, median and best case.") == 1


def test_the_worst_case_stands_first_and_the_flagged_ones_last(make_run):
    run = make_run()
    run.write_examples(("best", "la_008"), ("median", "la_009"), ("worst", "la_010"), ("flagged", "la_011"))
    text = read_text(make_report(run.path))
    places = [text.index(f"{rank} case. la_") for rank in ("Worst", "Median", "Best", "Flagged")]
    assert places == sorted(places)
    assert "The best case, not a typical one. la_008" in text


def test_a_ranked_case_that_is_flagged_is_shown_once_and_called_both(make_run):
    run = make_run()
    run.write_examples(("worst", "la_010"))
    examples = json.loads((run.path / "examples/examples.json").read_text(encoding="utf-8"))["examples"]
    run.write_json("examples/examples.json", {"examples": [{**examples[0], "reasons": ["Look at it."]}]})
    assert read_text(make_report(run.path)).count("Worst and flagged case. la_010") == 1


def test_the_surfaces_of_a_case_stand_below_its_planes(make_run):
    run = make_run()
    run.write_surfaces()
    text = read_text(make_report(run.path))
    for case in ("la_008", "la_009", "la_010"):
        assert text.index(f"case. {case} (validation)") < text.index(f"{case}, surfaces: far.")
    assert "blue where the prediction is too small" in text


def test_a_report_without_pictures_of_surfaces_does_not_explain_them(plain_report):
    assert "surfaces are coloured" not in read_text(plain_report)


@pytest.mark.parametrize(
    ("n_more", "words"), [(1, "1 more flagged case has no picture."), (3, "3 more flagged cases")]
)
def test_flagged_cases_without_a_picture_are_counted(make_run, n_more, words):
    run = make_run()
    run.change_json("examples/examples.json", flagged_not_drawn=n_more)
    text = read_text(make_report(run.path))
    assert words in text
    assert "metrics_cases.csv and the entries guard of inference.json tell all" in text


def test_a_missing_picture_of_surfaces_is_named(make_run):
    run = make_run()
    run.write_surfaces()
    (run.path / "examples" / "surface_la_009.png").unlink()
    expected = "The picture of la_009’s surfaces is missing: examples/surface_la_009.png."
    assert expected in read_text(make_report(run.path))


@pytest.mark.parametrize(
    ("status", "title"),
    [
        ("interrupted", "This run was interrupted"),
        ("failed", "This run failed"),
        ("running", "This run had not ended"),
    ],
)
def test_a_run_that_did_not_finish_says_so_on_the_first_page(make_run, status, title):
    run = make_run()
    run.write_run(status=status, ended_because="the user pressed Ctrl-C")
    first_page = PdfReader(make_report(run.path)).pages[0].extract_text()
    assert title in first_page
    assert "6 epochs" in first_page


def test_an_interrupted_run_gives_its_highest_validation_dice_but_no_result(make_run):
    run = make_run()
    run.write_run(status="interrupted", ended_because="the user pressed Ctrl-C")
    for file in ("metrics_summary.json", "metrics_cases.csv"):
        run.path.joinpath(file).unlink()
    text = read_text(make_report(run.path))
    assert "“segtrail resume” goes on with it where it stopped." in text
    assert "There is no result" in text
    assert "was 0.833, in epoch 6. It would have served to choose among epochs and is no result." in text
    assert "Not done: the evaluation, so that no case is measured;" in text


MISSING_PARTS = {
    "metrics_summary.json": "There is no result: the run folder holds no metrics_summary.json",
    "metrics_cases.csv": "No case was evaluated in this run.",
    "examples/examples.json": "No pictures: examples/ holds none",
    "examples/worst_la_010.png": "The picture of la_010 (worst) is missing",
    "history.csv": "No epoch ended in this run, so there are no learning curves.",
    "dataset_summary.json": "The data set is not recorded",
    "config_resolved.yaml": "The configuration is not recorded",
}


@pytest.mark.parametrize(("file", "sentence"), MISSING_PARTS.items(), ids=MISSING_PARTS)
def test_a_sentence_stands_where_a_part_is_missing(make_run, file, sentence):
    run = make_run()
    run.path.joinpath(file).unlink()
    assert sentence in read_text(make_report(run.path))


def test_a_run_that_recorded_nothing_but_its_start_has_a_report(make_run):
    run = make_run()
    for file in [*MISSING_PARTS, "examples/best_la_008.png", "examples/median_la_009.png"]:
        run.path.joinpath(file).unlink()
    run.write_run(status="failed", ended_because="no memory left", device=None, model=None, seconds={})
    text = read_text(make_report(run.path))
    assert all(sentence in text for file, sentence in MISSING_PARTS.items() if not file.endswith("png"))


def test_an_epoch_with_an_infinite_loss_is_left_out_of_the_curve(make_run):
    run = make_run()
    history = run.path / "history.csv"
    history.write_text(history.read_text(encoding="utf-8").replace("\n1,1.0,", "\n1,nan,"), encoding="utf-8")
    assert "Training loss and its parts" in read_text(make_report(run.path))


def test_own_code_is_named_with_its_hash(make_run):
    run = make_run()
    model = {"name": "hearts.nets:MyNet", "parameters": 7, "source_sha256": "e" * 64}
    run.write_run(model=model, own_code={"hearts.augment:Wobble": "f" * 64, "hearts.augment:Built": None})
    text = read_text(make_report(run.path))
    assert f"source {'e' * 64}" in text
    assert f"SHA-256 of hearts.augment:Wobble {'f' * 64}" in text
    assert "SHA-256 of hearts.augment:Built not known" in text


def test_text_of_the_record_is_never_read_as_markup_and_any_character_is_printed(make_run):
    run = make_run()
    note = '#panic("no") *bold* _it_ $x$ @ref <label> \\ 症例 \x07 \ue000 \ud800'
    run.write_run(note=note, operator="Dr Ångström")
    text = read_text(make_report(run.path))
    assert '#panic("no") *bold* _it_ $x$ @ref <label> \\ \ufffd\ufffd' in text
    assert "\ufffd stands for characters that the fonts of this report do not hold" in text
    assert "Dr Ångström" in text


def test_very_long_names_are_broken_over_lines(make_run):
    run = make_run()
    name = "patient_000123_session_pre_contrast_T1_weighted" * 2
    run.write_cases([(name, "val")], ["left atrium"])
    text = "".join(page.extract_text() for page in PdfReader(make_report(run.path)).pages)
    lines = [line.strip("\u200b") for line in text.split("\n") if "patient_000123" in line]
    assert name in "".join(text.replace("\u200b", "").split("\n"))
    assert max(len(line.replace("\u200b", "")) for line in lines) < len(name)


DAMAGED = {
    "run.json": ('{"run_id": ', "line 1 is not valid JSON"),
    "metrics_summary.json": ('{"schema_version": 1, "definitions": {}}', "at splits: field required"),
    "dataset_summary.json": ("[]", "it holds no JSON object"),
    "examples/examples.json": ('{"examples": []}', "its schema_version is None where 1 is expected"),
    "history.csv": ("epoch,train_loss,schema_version\n1,0.5,1\n2,0.4\n", "line 3 has not as many values"),
    "metrics_cases.csv": (
        "case,split,class,dice,status,schema_version\na,val,b,high,ok,1\n",
        "at line 2, dice: input should be a valid number",
    ),
    "config_resolved.yaml": ("a: [1", "it is not valid YAML"),
    "examples/best_la_008.png": ("no picture", "can't be shown"),
}


@pytest.mark.parametrize("file", DAMAGED)
def test_a_damaged_file_is_named_with_what_is_wrong(make_run, file):
    run = make_run()
    content, problem = DAMAGED[file]
    run.path.joinpath(file).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        make_report(run.path)
    assert Path(file).name in str(caught.value)
    assert not (run.path / "report.pdf").exists()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("voxels", -1),
        ("mean_probability", 1.5),
        ("mean_probability", float("nan")),
        ("share_of_class", -0.1),
        (None, []),
        (None, [{"voxels": 0, "mean_probability": None, "share_of_class": None}]),
    ],
)
def test_a_calibration_that_can_not_be_is_named(make_run, place, value):
    run = make_run()
    path = run.path / "calibration.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    pool = content["pooled"][0]
    if place is None:
        pool["bins"] = value
    else:
        pool["bins"][0][place] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"calibration\.json is damaged: at pooled\.0"):
        read_run(run.path)


def test_a_file_of_a_newer_segtrail_is_refused(make_run):
    run = make_run()
    run.path.joinpath("run.json").write_text('{"schema_version": 2}', encoding="utf-8")
    with pytest.raises(InputError, match="schema_version 2; this segtrail reads up to 1"):
        make_report(run.path)


def test_a_picture_outside_examples_is_refused(make_run):
    run = make_run()
    example = {"rank": "best", "case": "a", "file": "../../secret.png", "alt": "a", "caption": "b"}
    outside = {"file": "../secret.png", "alt": "a", "caption": "b"}
    inside = {**example, "file": "best_la_008.png", "surface": outside}
    for refused in (example, inside):
        run.write_json("examples/examples.json", {"examples": [refused]})
        with pytest.raises(InputError, match="a PNG inside examples/ is expected"):
            make_report(run.path)


def test_a_folder_without_run_json_is_no_run_folder(tmp_path):
    with pytest.raises(InputError, match="it is no run folder"):
        make_report(tmp_path)


def test_without_typst_the_web_page_is_made_and_no_older_pdf_stays(make_run, monkeypatch):
    run = make_run()
    make_report(run.path)
    monkeypatch.setitem(sys.modules, "typst", None)
    reports = make_reports(run.path)
    assert reports.pdf is None
    assert reports.web_page == run.path / "report.html"
    assert not (run.path / "report.pdf").exists()


def test_a_failed_report_leaves_the_old_one(make_run):
    run = make_run()
    before = make_report(run.path).read_bytes()
    run.path.joinpath("metrics_summary.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError):
        make_report(run.path)
    assert (run.path / "report.pdf").read_bytes() == before
