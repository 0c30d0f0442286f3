"""Changes of a sealed run folder that verifying it has to find, each with the words in which it does."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

Change = Callable[[Path], None]
JOURNAL = "journal.jsonl"


def edit_text(name: str, before: str, after: str) -> Change:
    def change(run: Path) -> None:
        text = (run / name).read_text(encoding="utf-8")
        assert before in text
        (run / name).write_text(text.replace(before, after, 1), encoding="utf-8", newline="\n")

    return change


def edit_json(name: str, edit: Callable[[Any], None]) -> Change:
    def change(run: Path) -> None:
        content = json.loads((run / name).read_text(encoding="utf-8"))
        edit(content)
        (run / name).write_text(json.dumps(content, indent=2), encoding="utf-8")

    return change


def append(name: str, content: bytes) -> Change:
    def change(run: Path) -> None:
        with (run / name).open("ab") as stream:
            stream.write(content)

    return change


def truncate(name: str) -> Change:
    def change(run: Path) -> None:
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: len(content) // 2])

    return change


def flip_a_byte(name: str) -> Change:
    def change(run: Path) -> None:
        content = bytearray((run / name).read_bytes())
        content[len(content) // 2] ^= 1
        (run / name).write_bytes(bytes(content))

    return change


def remove(name: str) -> Change:
    return lambda run: (run / name).unlink()


def rename(name: str, new: str) -> Change:
    return lambda run: (run / name).rename(run / new) and None


def add(name: str) -> Change:
    def change(run: Path) -> None:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("{}", encoding="utf-8")

    return change


def replace_by(name: str, other: str) -> Change:
    def change(run: Path) -> None:
        shutil.copyfile(run / other, run / name)

    return change


def make_link(name: str) -> Change:
    def change(run: Path) -> None:
        content = (run / name).read_bytes()
        (run / name).unlink()
        outside = run.parent / "outside"
        outside.write_bytes(content)
        (run / name).symlink_to(outside)

    return change


def change_cell(name: str, column: str, value: str) -> Change:
    def change(run: Path) -> None:
        with (run / name).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        rows[0][column] = value
        with (run / name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    return change


def drop_row(name: str, place: int) -> Change:
    def change(run: Path) -> None:
        lines = (run / name).read_text(encoding="utf-8").splitlines(keepends=True)
        del lines[place]
        (run / name).write_text("".join(lines), encoding="utf-8", newline="\n")

    return change


def keep_heading(table: Path) -> None:
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text(lines[0], encoding="utf-8", newline="\n")


def change_weight(run: Path) -> None:
    path = run / "checkpoints" / "best.pt"
    content = torch.load(path, weights_only=True)
    weights = next(iter(content["networks"]["main"].values()))
    weights[(0,) * weights.ndim] += 1e-3
    torch.save(content, path)


def manifest_entry(edit: Callable[[dict[str, Any]], None]) -> Change:
    return edit_json("manifest.json", lambda content: edit(content["files"][0]))


def _raise_mean(content: Any) -> None:
    content["splits"]["val"]["ball"]["metrics"]["dice"]["mean"] = 0.99


TAMPERINGS: list[tuple[str, Change, str]] = [
    ("a Dice in the table", change_cell("metrics_cases.csv", "dice", "0.99"), "metrics_cases.csv was "),
    ("a Dice, seen in the summary", change_cell("metrics_cases.csv", "dice", "0.99"), "the mean of dice is"),
    ("a status", change_cell("metrics_cases.csv", "status", "left_out"), "n is 2 in metrics_summary.json"),
    ("a case left out of the table", drop_row("metrics_cases.csv", 1), "metrics_cases.csv was "),
    ("the mean Dice", edit_json("metrics_summary.json", _raise_mean), "the mean of dice is 0.99"),
    (
        "the best epoch",
        edit_text("metrics_summary.json", '"best_epoch": 2', '"best_epoch": 9'),
        "names epoch 9",
    ),
    ("a validation score", change_cell("history.csv", "val_dice", "0.99"), "0.99, "),
    (
        "an epoch taken out",
        drop_row("history.csv", 1),
        "history.csv has epoch 2 of main where epoch 1 follows",
    ),
    (
        "an epoch repeated",
        lambda run: append("history.csv", _last_line(run, "history.csv"))(run),
        "history.csv has epoch",
    ),
    ("all epochs", lambda run: keep_heading(run / "history.csv"), "the files can't be compared"),
    (
        "a summary that holds nothing",
        edit_json("dataset_summary.json", dict.clear),
        "dataset_summary.json was",
    ),
    (
        "checks that are none",
        edit_json("dataset_summary.json", lambda c: c.update(checks=[{}])),
        "dataset_summary.json",
    ),
    ("a learning rate", change_cell("history.csv", "learning_rate", "1"), "history.csv was "),
    (
        "the configuration",
        edit_text("config_resolved.yaml", "seed: 0", "seed: 1"),
        "config_resolved.yaml was edited",
    ),
    (
        "the configuration, by the journal",
        edit_text("config_resolved.yaml", "seed: 0", "seed: 1"),
        "not the one that the journal opens with",
    ),
    ("an unknown key", append("config_resolved.yaml", b"colour: red\n"), "colour"),
    ("the configuration gone", remove("config_resolved.yaml"), "config_resolved.yaml is missing"),
    ("the state", edit_text("run.json", '"note": "a note"', '"note": "another"'), "run.json was edited"),
    ("the status", edit_text("run.json", '"finished"', '"interrupted"'), "run.json was"),
    ("the operator", edit_text("run.json", '"operator": null', '"operator": "Eve"'), "run.json was edited"),
    (
        "a hash of the data",
        edit_json("dataset_summary.json", lambda c: c["cases"][0]["image"].update(sha256_file="0" * 64)),
        "dataset_summary.json was ",
    ),
    (
        "a case moved to another side",
        edit_json("dataset_summary.json", lambda c: c["cases"][0].update(side="val")),
        "dataset_summary.json was",
    ),
    ("the log", append("train.log", b"All went well.\n"), "train.log was edited"),
    ("the log gone", remove("train.log"), "train.log is missing"),
    ("a weight", change_weight, "checkpoints/best.pt was "),
    (
        "a weight, by the journal",
        change_weight,
        "checkpoints/best.pt is not the one that the journal saw written",
    ),
    (
        "the checkpoint of another epoch",
        replace_by("checkpoints/last.pt", "checkpoints/best.pt"),
        "checkpoints/last.pt was",
    ),
    ("a checkpoint cut off", truncate("checkpoints/best.pt"), "checkpoints/best.pt was truncated"),
    ("a checkpoint gone", remove("checkpoints/last.pt"), "checkpoints/last.pt is missing"),
    ("one bit of a checkpoint", flip_a_byte("checkpoints/last.pt"), "checkpoints/last.pt was edited"),
    (
        "a label map of another case",
        replace_by("predictions/case_2.nii.gz", "predictions/case_3.nii.gz"),
        "predictions/case_2.nii.gz was",
    ),
    ("a label map gone", remove("predictions/case_2.nii.gz"), "predictions/case_2.nii.gz is missing"),
    (
        "a label map renamed",
        rename("predictions/case_2.nii.gz", "predictions/case_9.nii.gz"),
        "predictions/case_2.nii.gz was renamed to predictions/case_9.nii.gz",
    ),
    (
        "one bit of a label map",
        flip_a_byte("predictions/case_2.nii.gz"),
        "predictions/case_2.nii.gz was edited",
    ),
    ("a file added", add("predictions/case_9.nii.gz"), "predictions/case_9.nii.gz was added"),
    ("a hidden file added", add(".hidden"), ".hidden was added"),
    ("a folder with a file added", add("more/notes.txt"), "more/notes.txt was added"),
    ("a picture", flip_a_byte("examples/best_case_2.png"), "examples/best_case_2.png was edited"),
    ("the report", append("report.pdf", b" "), "report.pdf was edited"),
    ("the report gone", remove("report.pdf"), "report.pdf is missing"),
    ("a second report", add("report.html"), "report.html was added"),
    ("a file by a link", make_link("train.log"), "train.log is a link"),
    ("the manifest", edit_text("manifest.json", '"bytes": ', '"bytes":  '), "manifest.json was edited"),
    ("the manifest gone", remove("manifest.json"), "manifest.json is missing"),
    (
        "a hash in the manifest",
        manifest_entry(lambda entry: entry.update(sha256="0" * 64)),
        "manifest.json was edited",
    ),
    (
        "a path out of the run",
        manifest_entry(lambda entry: entry.update(path="../outside")),
        "which does not lie inside the run",
    ),
    (
        "an absolute path",
        manifest_entry(lambda entry: entry.update(path="/etc/hosts")),
        "which does not lie inside the run",
    ),
    ("a file and its manifest", lambda run: _edit_with_manifest(run), "manifest.json was edited"),
    (
        "a line of the journal",
        edit_text(JOURNAL, '"validated"', '"was valid"'),
        "does not follow on the line before it",
    ),
    (
        "the first line of the journal",
        edit_text(JOURNAL, '"actor":null', '"actor":"Eve"'),
        "does not follow on the line before it",
    ),
    ("a line taken out of the journal", drop_row(JOURNAL, 3), "a line was taken out"),
    ("the opening taken out", drop_row(JOURNAL, 0), "not with the opening of the run"),
    ("the seal taken out", drop_row(JOURNAL, -1), "it has no seal"),
    ("the seal cut", truncate(JOURNAL), "it has no seal"),
    ("a line behind the seal", lambda run: _write_behind_the_seal(run), "it goes on behind the seal"),
    ("a line that is none", append(JOURNAL, b"nonsense\n"), "is no entry of a journal"),
    ("the journal gone", remove(JOURNAL), "journal.jsonl can't be read"),
    ("addenda out of nothing", add("addenda/notes.md"), "journal.jsonl can't be read"),
]


def _last_line(run: Path, name: str) -> bytes:
    return (run / name).read_bytes().splitlines(keepends=True)[-1]


def _edit_with_manifest(run: Path) -> None:
    """Change a table, and its hash in the manifest too, as somebody who knows the format would."""
    from segtrail.record.manifest import write_manifest
    from segtrail.training.checkpoint import hash_tensors

    change_cell("metrics_cases.csv", "dice", "0.99")(run)
    write_manifest(run, hash_tensors)


def _write_behind_the_seal(run: Path) -> None:
    from segtrail.record.journal import Journal

    Journal(run / JOURNAL, None).write("validated", network="main", epoch=2, val_dice=0.99)
