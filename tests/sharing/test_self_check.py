"""The search through a finished copy: whatever slips through the rules is found, and nothing is left behind."""

import io
import json
import pickle
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from run_copies import copy_run
from segtrail.record.addenda import Addenda
from segtrail.record.hashing import hash_file
from segtrail.sharing.self_check import find_leak
from segtrail.sharing.words import Words, collect_words

Command = Callable[..., Any]
HASH = "0123456789abcdef" * 4
WORDS = Words(
    names=frozenset({"la_003", "müller jürgen", "patient-0042", "x7"}),
    ordinary=("ball",),
    hashes=frozenset({HASH}),
    paths=("/home/hospital/data",),
)


def packed(content: bytes, name: str = "own/net.py") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def checkpoint(**content: Any) -> bytes:
    stream = io.BytesIO()
    torch.save({"networks": {"main": {"weight": torch.zeros(9)}}, **content}, stream)
    return stream.getvalue()


def hidden_in_a_tensor(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(b"\0\1" + text.encode() + b"\0\0\0"), dtype=torch.uint8)


LEAKS: list[tuple[str, str, bytes, str]] = [
    ("a name", "run.json", b'{"note": "ask about la_003"}', "a name"),
    ("a name in capitals", "run.json", b'{"note": "LA_003"}', "a name"),
    ("a name as a key", "run.json", b'{"la_003": 1}', "a name"),
    ("a name in escapes", "run.json", b'{"note": "M\\u00fcller J\\u00fcrgen"}', "a name"),
    (
        "a name with its accents apart",
        "a.csv",
        unicodedata.normalize("NFD", "Müller Jürgen,1").encode(),
        "a name",
    ),
    ("a name in UTF-16", "a.csv", "case la_003".encode("utf-16-le"), "a name"),
    ("a name in UTF-16, the other way", "a.csv", "case Müller Jürgen".encode("utf-16-be"), "a name"),
    ("a name over the end of a line", "a.md", "Müller\n  Jürgen".encode(), "a name"),
    ("a name that Markdown would not take as it is", "model_card.md", b"la\\_003", "a name"),
    ("a name with signs", "a.csv", b"patient-0042.nii.gz", "a name"),
    ("a file name", "predictions/la_003.nii.gz", b"", "a name"),
    ("a hash", "a.csv", HASH.upper().encode(), "a hash"),
    ("a folder", "a.yaml", b"root: /home/hospital/data/x", "a folder"),
    ("a name in packed code", "provenance/code.zip", packed(b"# la_003"), "a name"),
    ("the name of a packed file", "provenance/code.zip", packed(b"", "own/la_003.py"), "a name"),
    ("a name in a checkpoint", "checkpoints/best.pt", checkpoint(cases=["la_003"]), "a name"),
    ("a name as a key of a checkpoint", "checkpoints/best.pt", checkpoint(**{"x7": 1}), "a name"),
    ("a hash in a checkpoint", "checkpoints/best.pt", checkpoint(data=HASH), "a hash"),
    ("a name in a tensor", "best.pt", checkpoint(more=hidden_in_a_tensor("patient-0042")), "a name"),
    ("a hash in a tensor", "best.pt", checkpoint(more=hidden_in_a_tensor(HASH)), "a hash"),
]


@pytest.mark.parametrize(("what", "file", "content", "kind"), LEAKS, ids=[leak[0] for leak in LEAKS])
def test_what_must_stay_is_found_wherever_it_stands(
    what: str, file: str, content: bytes, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    leak = find_leak(tmp_path, WORDS)
    assert leak is not None, what
    assert leak.startswith(f"{file} holds {kind}")
    assert "la_003" not in leak.replace(file, "")


@pytest.mark.parametrize(
    "text", ["la_0031", "xla_003", "shared_case_003", "ball", "a x70 b", "/home/hospital/database", HASH[:-1]]
)
def test_what_only_looks_alike_is_no_leak(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert find_leak(tmp_path, WORDS) is None


def test_numbers_and_words_of_the_program_are_ordinary_and_other_names_are_not(named_run_dir: Path) -> None:
    words = collect_words(named_run_dir, bytes(32), ())
    assert {"17", "ball", "dice"} <= set(words.ordinary)
    telling = {"la_003", "la_007", "müller jürgen", "patient zero", "family x", "dr evelyn hyde", "17.nii.gz"}
    assert telling <= words.names
    summary = json.loads((named_run_dir / "dataset_summary.json").read_text(encoding="utf-8"))
    assert {summary["fingerprint"], summary["cases"][0]["image"]["sha256_voxels"]} <= words.hashes
    assert hash_file(named_run_dir / "manifest.json") in words.hashes
    assert str(named_run_dir.parents[2] / "data") in words.paths


@pytest.mark.requirement("SHA-01")
@pytest.mark.parametrize(("key", "file"), [("note", "run.json"), ("operator", "run.json")])
def test_a_rule_that_lets_too_much_out_is_noticed_and_nothing_is_left(
    key: str, file: str, run: Path, tmp_path: Path, share: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.sharing import contents
    from segtrail.sharing.rules import Rule, mapping, text

    right = contents.run_rule

    def wrong(terms: Any) -> Rule:
        def rule(value: Any, place: Any) -> Any:
            return {**right(terms)(value, place), **mapping({key: text})(value, place)}

        return rule

    monkeypatch.setattr(contents, "run_rule", wrong)
    result = share(run)
    assert result.exit_code == 1
    assert f"Nothing was shared: {file} holds a name that must stay" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []
    assert list((run / "addenda").glob("share_*")) == []


def test_a_description_that_names_a_case_is_refused_with_what_to_do(
    run: Path, share: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.sharing import contents

    def with_a_name(folder: Path, path: str) -> Any:
        content = json.loads((folder / path).read_text(encoding="utf-8"))
        return {**content, "description": "la_003 is odd"} if path == "dataset_summary.json" else content

    monkeypatch.setattr(contents, "_read", with_a_name)
    result = share(run, "--with-description")
    assert result.exit_code == 1
    assert "dataset_summary.json holds a name that must stay" in result.stderr
    assert "change it or leave it out" in result.stderr


def test_a_pickle_is_searched_without_being_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return print, ("la_003",)

    (tmp_path / "best.pt").write_bytes(packed(pickle.dumps(Hostile()), "archive/data.pkl"))
    assert find_leak(tmp_path, WORDS) == "best.pt holds a name that must stay"


def test_an_ordinary_name_is_noticed_where_names_of_cases_stand(
    run: Path, tmp_path: Path, share: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segtrail.sharing import contents

    right = contents.inference_rule

    def wrong(terms: Any) -> Any:
        def rule(value: Any, place: Any) -> Any:
            shared = right(terms)(value, place)
            shared["cases"][0]["case"] = "dice"
            return shared

        return rule

    monkeypatch.setattr(contents, "inference_rule", wrong)
    result = share(run)
    assert result.exit_code == 1
    assert "Nothing was shared, since the copy would not hold: a case is called dice" in result.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("surname", ["Paszke", "Simpson"])
def test_a_person_with_the_name_of_a_cited_author_is_looked_for_outside_of_the_references(
    surname: str, run: Path, tmp_path: Path, share: Command
) -> None:
    Addenda(run, surname).add_file("more.json", b"{}", "added")
    assert share(run, "--with-code").exit_code == 0
    words = replace(collect_words(run, bytes(32), ()), hashes=frozenset())
    assert surname.lower() in words.names
    (copy,) = (tmp_path / "out").iterdir()
    assert find_leak(copy, words) is None
    edited = copy_run(copy, tmp_path / "edited")
    for name in ("methods.bib", "methods.md"):
        content = (edited / name).read_bytes()
        (edited / name).write_bytes(content.replace(b"year = {2019}", f"note = {{{surname}}}".encode(), 1))
        assert find_leak(edited, words) == f"{name} holds a name that must stay"
        (edited / name).write_bytes(content)
