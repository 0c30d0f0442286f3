"""Which tables of results a report has: for one class, many classes, many cases."""

import csv
import html
import re
from pathlib import Path

from made_reports import make_page

ORGANS = [f"organ {number}" for number in range(30)]


def read_page(run_dir: Path) -> str:
    """The text of the web page on one line."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", make_page(run_dir)))
    return re.sub(r"\s+", " ", text)


def change_case(run_dir: Path, case: str, class_name: str, **values: object) -> None:
    path = run_dir / "metrics_cases.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if (row["case"], row["class"]) == (case, class_name):
            row.update({key: str(value) for key, value in values.items()})
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def test_thirty_classes_stand_in_one_table_with_dice_and_its_interval(make_run):
    text = read_page(make_run(classes=ORGANS).path)
    assert "Validation, 30 classes: means over the cases in which each is defined." in text
    assert "organ 29 4 0 0.846 0.821 to 0.869*" in text
    assert "95% CI of the mean" not in text


def test_thirty_classes_give_each_case_one_row_with_its_lowest_class(make_run):
    run = make_run(classes=ORGANS)
    change_case(run.path, "la_010", "organ 7", dice=0.25)
    text = read_page(run.path)
    assert "la_010 validation 30 0 0.826 organ 7 0.250" in text
    assert text.index("la_010 validation 30") < text.index("la_008 validation 30")


def test_a_case_of_many_classes_counts_the_failed_ones(make_run):
    run = make_run(classes=ORGANS)
    change_case(run.path, "la_009", "organ 3", dice=0.0, status="missed")
    assert "la_009 validation 30 1 0.817 organ 3 0.000" in read_page(run.path)


def test_of_many_cases_those_with_the_lowest_dice_are_shown(make_run):
    run = make_run(n_val=70)
    change_case(run.path, "la_077", "left atrium", dice=0.125)
    text = read_page(run.path)
    assert "The 60 validation cases with the lowest Dice of 70, left atrium, the lowest first." in text
    assert "la_077 0.125" in text
    assert "la_076 0.846" not in text


def test_the_case_with_the_largest_hd95_is_named_beside_that_with_the_lowest_dice(make_run):
    run = make_run()
    change_case(run.path, "la_009", "left atrium", dice=0.5)
    change_case(run.path, "la_011", "left atrium", hd95_mm=48.125)
    assert "left atrium validation la_009 0.500 la_011 48.12" in read_page(run.path)


def test_what_several_definitions_say_in_the_same_words_stands_once(make_run):
    run = make_run()
    same = "Left out when both masks are empty."
    definitions = {
        name: {"name": name, "definition": f"What {name} is. {same}", "unit": "", "better": "higher"}
        for name in ("dice", "nsd_2mm", "hd95_mm")
    }
    run.change_json("metrics_summary.json", definitions=definitions)
    text = read_page(run.path)
    assert text.count(same) == 1
    assert f"All of them {same}" in text
    assert "What nsd_2mm is." in text


def test_of_an_even_number_of_cases_the_report_says_which_is_the_median(make_run):
    sentence = "Of an even number of cases, the median one is the lower of the two in the middle."
    assert sentence in read_page(make_run(n_val=4).path)


def test_of_an_odd_number_of_cases_the_median_needs_no_word(make_run):
    assert "the lower of the two in the middle" not in read_page(make_run(n_val=5).path)
