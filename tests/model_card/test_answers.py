"""What a person answers comes to the addenda, as a card that verifying makes again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from run_copies import copy_run
from segtrail.errors import InputError
from segtrail.model_card.answers import read_answers, template
from segtrail.model_card.questions import QUESTIONS, given_answers, place

Command = Callable[..., Any]
IDS = [question.id for question in QUESTIONS]
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \n"), max_size=60)


@pytest.fixture
def run(tmp_path: Path, quick_run_dir: Path) -> Path:
    """A sealed run that a test may change."""
    return copy_run(quick_run_dir, tmp_path / quick_run_dir.name)


def answer(run: Path, **answers: Any) -> Path:
    """Write a file of answers; underscores stand for dashes."""
    content = {
        "schema_version": 1,
        "run_id": run.name,
        "answers": {key.replace("_", "-"): text for key, text in answers.items()},
    }
    path = run.parent / "answers.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def open_answers(run: Path, segtrail: Command) -> list[str]:
    return json.loads(segtrail("card", run, "--json").stdout)["open"]


def evidence(run: Path, segtrail: Command) -> str:
    result = segtrail("verify", run, "--json")
    assert result.exit_code == 0, result.stdout
    return next(
        check["evidence"][0]
        for check in json.loads(result.stdout)["checks"]
        if check["check"] == "model_card"
    )


def test_the_card_of_a_run_is_printed_as_it_is(run: Path, segtrail: Command) -> None:
    assert segtrail("card", run).stdout == (run / "model_card.md").read_text(encoding="utf-8")
    assert open_answers(run, segtrail) == sorted(open_answers(run, segtrail), key=IDS.index) == IDS


@pytest.mark.requirement("GOV-02")
def test_answers_make_a_card_in_the_addenda_and_are_counted(run: Path, segtrail: Command) -> None:
    before = (run / "model_card.md").read_bytes()
    assert "8 of 8 answers of a person are missing" in evidence(run, segtrail)
    path = answer(run, intended_use="Research.\n\nNothing else.", licence="CC-BY-SA-4.0")
    result = segtrail("card", run, "--answers", path)
    assert result.exit_code == 0, result.stderr
    (card,) = (run / "addenda").glob("model_card_*.md")
    assert str(card) in result.stdout
    assert "Research.\n\nNothing else." in card.read_text(encoding="utf-8")
    assert ModelCard.load(card).data.license_name == "cc-by-sa-4.0"
    assert (run / "model_card.md").read_bytes() == before
    assert "6 of 8 answers of a person are missing: out-of-scope" in evidence(run, segtrail)


def test_with_all_answers_none_is_open(run: Path, segtrail: Command) -> None:
    path = answer(run, **{key.replace("-", "_"): "Said." for key in IDS})
    assert segtrail("card", run, "--answers", path).exit_code == 0
    assert open_answers(run, segtrail) == []
    assert "a person gave all answers" in evidence(run, segtrail)
    assert "all of these are written" in segtrail("card", run).stdout


def test_the_same_answers_twice_are_one_card(run: Path, segtrail: Command) -> None:
    path = answer(run, contact="A. Name")
    for _ in range(2):
        assert segtrail("card", run, "--answers", path).exit_code == 0
    assert len(list((run / "addenda").glob("model_card_*.md"))) == 1


def test_later_answers_make_a_later_card_and_the_earlier_stays(run: Path, segtrail: Command) -> None:
    segtrail("card", run, "--answers", answer(run, contact="A. Name"))
    segtrail("card", run, "--answers", answer(run, contact="B. Name"))
    assert len(list((run / "addenda").glob("model_card_*.md"))) == 2
    assert "B. Name" in segtrail("card", run).stdout
    assert "7 of 8" in evidence(run, segtrail)


def test_the_template_asks_every_question_and_holds_what_was_answered(run: Path, segtrail: Command) -> None:
    segtrail("card", run, "--answers", answer(run, ethics="Approved.\n\n  * Indented."))
    path = run.parent / "template.yaml"
    result = segtrail("card", run, "--template", path, "--json")
    assert json.loads(result.stdout)["template"] == str(path)
    asked = yaml.safe_load(path.read_text(encoding="utf-8"))["answers"]
    assert list(asked) == IDS
    assert read_answers(path, run.name) == {"ethics": "Approved.\n\n  * Indented."}


def test_a_template_never_writes_over_a_file(run: Path, segtrail: Command) -> None:
    path = answer(run, ethics="Approved.")
    before = path.read_bytes()
    result = segtrail("card", run, "--template", path)
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert path.read_bytes() == before


@given(st.dictionaries(st.sampled_from(IDS), WORDS.map(str.strip).filter(bool)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_comes_back(tmp_path: Path, answers: dict[str, str]) -> None:
    answers = {key: "\n".join(line.rstrip() for line in text.split("\n")) for key, text in answers.items()}
    placed = "\n\n".join(place(question, answers) for question in IDS)
    assert given_answers(placed) == answers
    path = tmp_path / "answers.yaml"
    path.write_text(template("run_20260101_000000", answers), encoding="utf-8")
    asked = yaml.safe_load(path.read_text(encoding="utf-8"))["answers"]
    assert {key: text.strip("\n") for key, text in asked.items() if text.strip()} == answers


def test_machine_paths_are_taken_out_of_answers(run: Path, segtrail: Command) -> None:
    segtrail("card", run, "--answers", answer(run, population=f"They lie in {Path.home()}/scans/hearts"))
    (card,) = (run / "addenda").glob("model_card_*.md")
    assert str(Path.home()) not in card.read_text(encoding="utf-8")


@pytest.mark.requirement("SAF-02")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("ethics", "ethic"), "which is no question. Did you mean ethics?"),
        (lambda text: text.replace("ethics", "weather"), "The questions are intended-use"),
        (lambda text: text.replace("Approved", "<!-- x"), "holds <!--, which marks places"),
        (lambda text: text.replace("Approved.", "7"), "is no text"),
        (lambda text: text.replace("Approved.", ""), "answers nothing"),
        (lambda text: text.replace("Approved.", '"\\e[2J"'), "holds control characters"),
        (lambda text: text.replace("schema_version: 1", "schema_version: 9"), "has schema_version 9"),
        (lambda text: text.replace("run_id: run", "run_id: no"), "not about run_"),
        (lambda text: text + "\n  ethics: again\n", "is not valid YAML"),
        (lambda text: text + "\n\t- [", "is not valid YAML"),
        (lambda _: "just words", "holds no answers"),
        (lambda _: "schema_version: 1\nrun_id: RUN\n", "has no answers"),
        (lambda _: "[" * 5000, "is not valid YAML"),
        (lambda _: "!!python/object/apply:os.getcwd []", "is not valid YAML"),
    ],
)
def test_bad_answers_are_refused_with_a_sentence_and_nothing_is_added(
    run: Path, segtrail: Command, change: Callable[[str], str], words: str
) -> None:
    text = f"schema_version: 1\nrun_id: {run.name}\nanswers:\n  ethics: Approved.\n"
    path = run.parent / "answers.yaml"
    path.write_text(change(text).replace("RUN", run.name), encoding="utf-8")
    result = segtrail("card", run, "--answers", path)
    assert result.exit_code == 2, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert list((run / "addenda").iterdir()) == []


def test_answers_in_another_encoding_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_bytes("answers: {}".encode("utf-16"))
    with pytest.raises(InputError, match="UTF-8"):
        read_answers(path, "run_20260101_000000")


def test_a_missing_file_of_answers_is_told(run: Path, segtrail: Command) -> None:
    result = segtrail("card", run, "--answers", run.parent / "nowhere.yaml")
    assert result.exit_code == 2
    assert "There is no file" in result.stderr


def test_nobody_answers_for_a_run_that_was_changed(run: Path, segtrail: Command) -> None:
    (run / "metrics_cases.csv").write_text("edited", encoding="utf-8")
    result = segtrail("card", run, "--answers", answer(run, contact="A. Name"))
    assert result.exit_code == 1
    assert "is not what was sealed" in result.stderr


def test_a_run_that_is_not_sealed_takes_no_answers(
    tmp_path: Path, tiny_config: Path, segtrail: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.experiment import seal_run

    def refuse(_: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(seal_run, "make_reports", refuse)
    segtrail("train", tiny_config, "train.max_epochs=1")
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    result = segtrail("card", run, "--answers", answer(run, contact="A. Name"))
    assert result.exit_code in (1, 2)
    assert "is not what was sealed" in result.stderr or "is not sealed" in result.stderr
    assert "# Model card" in segtrail("card", run).stdout
