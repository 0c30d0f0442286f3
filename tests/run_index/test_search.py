"""What a search finds, what it refuses with a sentence, and that no text does it harm."""

import json
import operator
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from written_runs import Outputs, write_json

from segtrail.errors import InputError
from segtrail.run_index.index import RunIndex
from segtrail.run_index.indexed_run import COLUMNS
from segtrail.run_index.search import Search
from segtrail.run_index.search_text import Term, parse, quoted

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
SCORES = [0.1, 0.25, 0.5, 0.5, 0.75, None]


@pytest.fixture(scope="module")
def hearts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunIndex]:
    """The index of four runs that differ."""
    folder = tmp_path_factory.mktemp("hearts")
    outputs = Outputs(folder / "outputs")
    outputs.add("run_20251231_000000", dice=0.6, note='the "old" one', model={"name": "unet3d"}, stages=[])
    outputs.add(
        "run_20260115_000000", dice=0.8, note="more rotation, Müller's idea", cases=("la_003", "la_004")
    )
    outputs.add("run_20260131_235959", dice=0.9, status="failed", learning_rate=1e-4, project="50%_off")
    outputs.add("run_20260201_000000", dice=None, status="running", note="rotation again", operator="Ada")
    (outputs.runs / "run_20260202_000000").mkdir()
    with RunIndex.open(outputs.root, folder / "index") as index:
        index.refresh()
        yield index


def days(index: RunIndex, text: str) -> list[str]:
    """Return the days of the runs that a search finds, the earliest first."""
    return [run.folder[6:12] for run in index.find(Search(text, sort="folder", descending=False)).runs]


OLD, MIDDLE, LATE, LIVE, BROKEN = "251231", "260115", "260131", "260201", "260202"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [OLD, MIDDLE, LATE, LIVE, BROKEN]),
        ("dice>0.8", [LATE]),
        ("dice>=0.8", [MIDDLE, LATE]),
        ("dice<0.8", [OLD]),
        ("dice<=0.8 dice>0.6", [MIDDLE]),
        ("dice=0.8", [MIDDLE]),
        ("dice!=0.8", [OLD, LATE, LIVE, BROKEN]),
        ("-dice>0.8", [OLD, MIDDLE, LIVE, BROKEN]),
        ("dice=", [LIVE, BROKEN]),
        ('dice!=""', [OLD, MIDDLE, LATE]),
        ("dice<inf", [OLD, MIDDLE, LATE]),
        ("model=unet3d", [OLD]),
        ("MODEL=UNet3D", [OLD]),
        ("model=fa*", [MIDDLE, LATE, LIVE]),
        ('model="fa*"', []),
        ("project=*%*", [LATE]),
        ("project=50%_off", [LATE]),
        ("since=2026-01", [MIDDLE, LATE, LIVE, BROKEN]),
        ("until=2026-01", [OLD, MIDDLE, LATE]),
        ("since=2026-01-16 until=2026-01-31", [LATE]),
        ("created=2025", [OLD]),
        ("created>2026-01", [LIVE, BROKEN]),
        ("created<2026", [OLD]),
        ("created>=2026-01-31T12:00", [LATE, LIVE, BROKEN]),
        ("status=failed", [LATE]),
        ("status!=finished", [LATE, LIVE, BROKEN]),
        ("sealed=no", [OLD, MIDDLE, LATE, LIVE]),
        ("sealed=yes", []),
        ("lr<0.001", [LATE]),
        ("epochs=2", [OLD, MIDDLE, LATE, LIVE]),
        ("case=la_003", [MIDDLE]),
        ("case=la_00", []),
        ("case!=la_003", [OLD, LATE, LIVE, BROKEN]),
        ("rotation", [MIDDLE, LIVE]),
        ("rota", [MIDDLE, LIVE]),
        ("ROTATION again", [LIVE]),
        ('"rota"', []),
        ('"rotation again"', [LIVE]),
        ('"again rotation"', []),
        ("muller", [MIDDLE]),
        ("rotation -again", [MIDDLE]),
        ('-"rotation again" since=2026', [MIDDLE, LATE, BROKEN]),
        ("ada", [LIVE]),
        ("failed", [LATE]),
        ('notes="the \\"old\\" one"', [OLD]),
        ("notes=*rotation*", [MIDDLE, LIVE]),
        ("problem=*", [BROKEN]),
        ("rotation OR old", []),
        ("text:rotation", []),
        ('"\'; DROP TABLE runs; --"', []),
        ("status='failed'OR'1'='1'", []),
        ("  dice>0.8\n\tstatus=failed ", [LATE]),
    ],
)
def test_a_search_finds_the_runs_that_match_all_of_it(
    hearts: RunIndex, text: str, expected: list[str]
) -> None:
    assert days(hearts, text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dcie>0.8", "names 'dcie', which is no column; the nearest known one is dice"),
        ("zzzzzz=1", "names 'zzzzzz', which is no column; known ones: folder, run_id"),
        ("dice>high", "compares dice with 'high'; expected a number"),
        ("dice>nan", "compares dice with 'nan'; expected a number"),
        ("dice> 0.8", "dice> without a value"),
        (">0.8", "'>0.8' in the search has no column before it"),
        ("dice >0.8", "'>0.8' in the search has no column before it"),
        ("since=yesterday", "compares since with 'yesterday'; expected a time in UTC"),
        ("since>2026", "The search has since>; write since=2026"),
        ("since=", "compares since with ''; expected a time"),
        ("sealed=maybe", "expected sealed=yes or sealed=no"),
        ("sealed>no", "expected sealed=yes or sealed=no"),
        ("case=", "case= without a name"),
        ("case>a", "The search has case>; write case=a"),
        ('"never closed', "a quotation mark stands alone"),
        ('in"side', "a quotation mark stands alone"),
        ("-", "'-' in the search has neither a letter nor a digit"),
        ('""', "'' in the search has neither a letter nor a digit"),
        ("word " * 51, "The search has 51 parts; at most 50 are taken"),
        ("x" * 2001, "The search has 2001 characters; at most 2000 are taken"),
    ],
)
def test_a_search_that_can_not_be_understood_is_refused_with_a_sentence(
    hearts: RunIndex, text: str, words: str
) -> None:
    with pytest.raises(InputError) as refused:
        hearts.find(Search(text))
    assert words in str(refused.value)


def test_an_unknown_column_to_sort_by_is_refused_with_the_nearest(hearts: RunIndex) -> None:
    with pytest.raises(
        InputError, match="The sorting names 'dyce', which is no column; the nearest known one is dice"
    ):
        hearts.find(Search(sort="dyce"))


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_can_be_sorted_by_and_asked_for_gaps(hearts: RunIndex, column: str) -> None:
    n_gaps = hearts.find(Search(f"{column}=", sort=column)).total
    assert hearts.find(Search(f'{column}!=""', sort=column, descending=False)).total == 5 - n_gaps


@given(st.text(max_size=60) | st.text('ab"\\=<>!-*% \x00\ud800_~', max_size=30))
@example('"' * 7)
@example("-" * 30)
@example("dice>1e999")
@example("dice>" + "9" * 400)
@example("a\\")
@example("case=\x00")
@example("ß=*" + "%" * 200)
@settings(max_examples=300)
def test_no_text_does_harm(hearts: RunIndex, text: str) -> None:
    try:
        found = hearts.find(Search(text))
    except InputError as refused:
        assert str(refused)
    else:
        assert found.total <= found.n_indexed == 5


@given(TEXTS)
def test_a_quoted_text_is_taken_letter_by_letter(text: str) -> None:
    assert parse(quoted(text)) == [Term(text, is_quoted=True)]
    assert parse(f"notes={quoted(text)} x") == [Term(text, "notes", is_quoted=True), Term("x")]


@given(note=TEXTS.filter(lambda text: text.isprintable() and text.strip()))
@example(note="100% _sure_ \\ or*")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_note_is_found_by_its_own_text(note: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    outputs = Outputs(tmp_path_factory.mktemp("note") / "outputs")
    outputs.add("run_20260101_000000", note=note)
    outputs.add("run_20260102_000000", note="another")
    with RunIndex.open(outputs.root, outputs.root / "index") as index:
        assert [run.notes for run in index.find(Search(f"notes={quoted(note)}")).runs] == [note]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunIndex]:
    """The index of runs with scores of their own."""
    folder = tmp_path_factory.mktemp("scored")
    outputs = Outputs(folder / "outputs")
    for score in SCORES:
        outputs.add(dice=score)
    with RunIndex.open(outputs.root, folder / "index") as index:
        yield index


SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


@given(
    sign=st.sampled_from(sorted(SIGNS)),
    number=st.sampled_from([0.1, 0.25, 0.5, 0.75]) | st.floats(-1, 2),
    is_negated=st.booleans(),
)
def test_numbers_are_compared_as_numbers(
    scored: RunIndex, sign: str, number: float, is_negated: bool
) -> None:
    n_expected = sum(score is not None and SIGNS[sign](score, number) for score in SCORES)
    found = scored.find(Search(f"{'-' if is_negated else ''}dice{sign}{number!r}", sort="dice"))
    assert found.total == (len(SCORES) - n_expected if is_negated else n_expected)


def test_a_run_that_was_changed_is_found_by_its_new_words_alone(
    outputs: Outputs, found: Callable[..., list[str]]
) -> None:
    run = outputs.add("run_20260101_000000", note="early", cases=("a",))
    assert found("early case=a")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    write_json(run / "run.json", {**record, "note": "late"})
    assert found("early") == []
    assert found("late case=a") == [run.name]
