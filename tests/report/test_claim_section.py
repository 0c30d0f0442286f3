"""The items of CLAIM in the report: all are there, with values of the run, and the page on guidelines has the same."""

import re
from pathlib import Path

import pytest
from made_reports import make_report
from pypdf import PdfReader

from segtrail.model_card.questions import QUESTIONS
from segtrail.report.claim_items import ITEMS
from segtrail.report.sections.claim_answers import ANSWERS

PAGE = (Path(__file__).parents[2] / "docs" / "governance.md").read_text(encoding="utf-8")


def squeezed(text: str) -> str:
    """A text without blanks, since a line may break within a name of a file."""
    return re.sub(r"[\s\u200b]", "", text)


def claim_text(path: Path) -> str:
    text = squeezed(" ".join(page.extract_text() for page in PdfReader(path).pages))
    return text.split(squeezed("CLAIM is a checklist"))[1]


def rows_of_the_page() -> dict[int, list[str]]:
    section = PAGE.split("\n## CLAIM")[1].split("\n## ")[0]
    found = re.findall(r"^\| (\d+) \| (.*?) \| (.*?) \| (.*?) \|$", section, re.MULTILINE)
    return {int(number): list(cells) for number, *cells in found}


def test_the_items_are_numbered_from_1_to_44():
    assert [item.number for item in ITEMS] == list(range(1, 45))
    assert set(ANSWERS) <= {item.number for item in ITEMS}
    assert {item.question for item in ITEMS} <= {"", *(question.id for question in QUESTIONS)}


def test_the_page_on_guidelines_has_the_same_items():
    rows = rows_of_the_page()
    assert list(rows) == [item.number for item in ITEMS]
    for item in ITEMS:
        subject, supported, left = rows[item.number]
        assert subject == item.subject
        assert all(f"`{name}`" in supported for name in item.where)
        assert (f"`{item.question}`" in left) or not item.question
        assert item.authors in left


def test_items_are_answered_with_the_values_of_the_run(plain_report):
    text = claim_text(plain_report)
    assert squeezed("validation, left atrium: Dice 0.846 (0.821 to 0.869) (metrics_summary.json)") in text
    assert squeezed("fast, 1,034,567 weights (run.json, config_resolved.yaml)") in text
    assert squeezed("by named lists: 8 training and 4 validation (dataset_summary.json)") in text
    assert squeezed("epoch 4: highest val_dice, the earliest epoch on a tie (metrics_summary.json)") in text
    assert squeezed("44 Funding nothing by the authors: all of it") in text


def test_many_classes_are_answered_by_their_range(make_run):
    text = claim_text(make_report(make_run(classes=[f"organ {k}" for k in range(5)]).path))
    assert squeezed("validation: Dice 0.846 to 0.846 over 5 classes") in text


def test_what_is_not_recorded_is_said(make_run):
    run = make_run()
    for name in ("metrics_summary.json", "metrics_cases.csv", "dataset_summary.json", "config_resolved.yaml"):
        run.path.joinpath(name).unlink()
    run.write_run(status="failed", ended_because="no memory left", device=None, model=None, seconds={})
    text = claim_text(make_report(run.path))
    assert squeezed("26 How the final model was chosen not on record") in text
    assert squeezed("19 How cases came to the sides not on record") in text


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("to be written by a person: population", "Sources of the data {} still to be answered: population"),
        ("written by a person: population", "Sources of the data {} answered: population"),
    ],
    ids=["open", "answered"],
)
def test_questions_of_the_model_card_are_open_or_answered(make_run, mark, words):
    run = make_run()
    card = f"# Card\n\n## Intended use\n\nIt marks hearts.\n\n<!-- {mark} -->\n"
    run.path.joinpath("model_card.md").write_text(card, encoding="utf-8")
    source = "LeftAtriumMini, King’s College London, 1.0, licence CC-BY-SA 4.0 (dataset_summary.json)"
    assert squeezed(words.format(source)) in claim_text(make_report(run.path))


def test_the_latest_card_of_the_addenda_counts(make_run):
    run = make_run()
    run.path.joinpath("model_card.md").write_text(
        "# Card\n\n<!-- to be written by a person: ethics -->\n", encoding="utf-8"
    )
    addenda = run.path / "addenda"
    addenda.mkdir()
    addenda.joinpath("model_card_20261124_080000.md").write_text("# Card\n", encoding="utf-8")
    assert squeezed("still to be answered: ethics") not in claim_text(make_report(run.path))
