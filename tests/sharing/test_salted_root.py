"""The salted root and the pseudonyms: functions of salt, files and names, and of nothing else."""

import hashlib
import hmac
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segtrail.sharing.pseudonyms import draw_pseudonyms
from segtrail.sharing.salt import frame
from segtrail.sharing.salted_root import DataFile, recorded_files, salted_root

SALT = bytes(range(32))
TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12)
FILES = st.lists(
    st.builds(
        DataFile,
        st.sampled_from(["image", "label", "description"]),
        st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
        st.text("0123456789abcdef", min_size=64, max_size=64),
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


@given(FILES, st.randoms())
def test_the_order_of_the_files_does_not_matter(files: list[DataFile], chance: random.Random) -> None:
    shuffled = list(files)
    chance.shuffle(shuffled)
    assert salted_root(SALT, shuffled) == salted_root(SALT, files)


@pytest.mark.requirement("SHA-03")
@given(FILES, st.integers(0, 5), st.sampled_from(["role", "path", "hash", "salt", "gone", "twice"]))
def test_any_change_gives_another_root(files: list[DataFile], place: int, what: str) -> None:
    file, salt = files[place % len(files)], SALT
    others = [one for one in files if one is not file]
    changed = {
        "role": [*others, replace(file, role=f"{file.role}s")],
        "path": [*others, replace(file, paths=(*file.paths[:-1], f"{file.paths[-1]}x"))],
        "hash": [*others, replace(file, sha256=file.sha256[::-1] + "0")],
        "salt": files,
        "gone": others,
        "twice": [*files, file],
    }[what]
    other_salt = bytes(32) if what == "salt" else salt
    assert salted_root(other_salt, changed) != salted_root(SALT, files)


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4))
def test_two_lists_of_texts_are_never_framed_alike(one: list[str], two: list[str]) -> None:
    assert (frame(one) == frame(two)) == (one == two)


def test_the_root_is_the_one_of_the_formula_in_the_methods(named_run_dir: Path) -> None:
    def framed(*fields: str) -> bytes:
        return b"".join(len(field.encode()).to_bytes(8, "big") + field.encode() for field in fields)

    summary = json.loads((named_run_dir / "dataset_summary.json").read_text(encoding="utf-8"))
    files = [("description", "dataset.json", summary["dataset_json_sha256"])]
    files += [
        (role, case[role]["file"], case[role]["sha256_file"])
        for case in summary["cases"]
        for role in ("image", "label")
    ]
    leaves = [
        hmac.new(SALT, framed("segtrail share file 1", *file), hashlib.sha256).hexdigest() for file in files
    ]
    expected = hashlib.sha256(framed("segtrail share root 1", *sorted(leaves))).hexdigest()
    assert salted_root(SALT, recorded_files(named_run_dir)) == expected


def test_an_image_with_its_channels_apart_is_one_leaf_of_all_its_paths() -> None:
    together = DataFile("image", ("a_0.nii.gz", "a_1.nii.gz"), "0" * 64)
    swapped = replace(together, paths=together.paths[::-1])
    joined = replace(together, paths=("a_0.nii.gza_1.nii.gz",))
    assert len({salted_root(SALT, [file]) for file in (together, swapped, joined)}) == 3


@given(st.sets(TEXTS, min_size=1, max_size=30), st.binary(min_size=32, max_size=32))
def test_pseudonyms_are_all_different_and_the_same_for_the_same_salt(names: set[str], salt: bytes) -> None:
    drawn = draw_pseudonyms(salt, names, names)
    assert drawn == draw_pseudonyms(salt, sorted(names, reverse=True), names)
    assert set(drawn.cases) == set(drawn.groups) == names
    assert set(drawn.cases.values()) == {f"shared_case_{number:03d}" for number in range(1, len(names) + 1)}


def test_another_salt_gives_another_order_and_none_is_that_of_the_names() -> None:
    names = [f"case_{number:02d}" for number in range(50)]
    orders = [
        tuple(draw_pseudonyms(bytes([first] * 32), names, []).cases[name] for name in names)
        for first in (1, 2)
    ]
    assert orders[0] != orders[1]
    assert all(list(order) != sorted(order) for order in orders)
