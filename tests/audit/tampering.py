"""Changes of a sealed run folder that verifying it has to find, each with the words in which it does."""

import csv
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from segtrail.record.hashing import hash_file

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
    weights += 1.0
    torch.save(content, path)


def manifest_entry(edit: Callable[[dict[str, Any]], None]) -> Change:
    return edit_json("manifest.json", lambda content: edit(content["files"][0]))


def _raise_mean(content: Any) -> None:
    content["splits"]["val"]["ball"]["metrics"]["dice"]["mean"] = 0.99


def hashes_of_reports(run: Path) -> dict[str, str]:
    reports = [run / name for name in ("report.pdf", "report.html")]
    return {report.name: hash_file(report) for report in reports if report.exists()}


def reseal(*changes: Change) -> Change:
    """Change a run, then manifest and the seal, so that all hashes fit but those in the journal's other lines."""

    def change(run: Path) -> None:
        from segtrail.record.manifest import write_manifest
        from segtrail.training.checkpoint import hash_tensors

        for one in changes:
            one(run)
        fingerprint = write_manifest(run, hash_tensors)
        *lines, seal = (run / JOURNAL).read_text(encoding="utf-8").splitlines()
        entry = json.loads(seal)
        entry["details"]["manifest_sha256"] = fingerprint
        entry["details"]["report_sha256"] = hashes_of_reports(run)
        text = "\n".join([*lines, json.dumps(entry, separators=(",", ":"))]) + "\n"
        (run / JOURNAL).write_text(text, encoding="utf-8", newline="\n")

    return change


def edit_seal(edit: Callable[[dict[str, Any]], None]) -> Change:
    """Change the last line of the journal, which nothing in the folder is chained to."""

    def change(run: Path) -> None:
        *lines, seal = (run / JOURNAL).read_text(encoding="utf-8").splitlines()
        entry = json.loads(seal)
        edit(entry)
        text = "\n".join([*lines, json.dumps(entry, separators=(",", ":"))]) + "\n"
        (run / JOURNAL).write_text(text, encoding="utf-8", newline="\n")

    return change


def write_on(*lines: tuple[str, dict[str, Any]]) -> Change:
    """Write more lines behind the seal, then files and a new seal that fit, as somebody who knows the format would."""

    def change(run: Path) -> None:
        from segtrail.record.journal import Journal
        from segtrail.record.manifest import write_manifest
        from segtrail.training.checkpoint import hash_tensors

        forge_distances(run)
        journal = Journal(run / JOURNAL, None)
        for action, details in lines:
            journal.write(action, **details)
        seal = {"manifest_sha256": write_manifest(run, hash_tensors)}
        journal.write("sealed", **seal, report_sha256=hashes_of_reports(run))

    return change


def forge_calibration(run: Path) -> None:
    """Forge the calibration of a case, which nothing else in the folder contradicts."""

    def edit(content: Any) -> None:
        content["cases"][0]["error"] += 0.01

    edit_json("calibration.json", edit)(run)


def forge_bins(run: Path) -> None:
    """Make the network more sure in a bin, and right as often as it is more sure, which leaves error and bias."""

    def edit(content: Any) -> None:
        one = max(content["pooled"][0]["bins"], key=lambda one: one["voxels"])
        change = 0.01 if one["mean_probability"] + 0.01 < one["to"] else -0.01
        one["mean_probability"] += change
        one["share_of_class"] += change

    edit_json("calibration.json", edit)(run)


def forge_bins_and_error(run: Path) -> None:
    """Put the class where the network is least sure of it, which leaves the bias, and have the error follow."""

    def edit(content: Any) -> None:
        pool = content["pooled"][0]
        bins = [one for one in pool["bins"] if one["voxels"]]
        left = math.fsum(one["voxels"] * one["share_of_class"] for one in bins)
        for one in bins:
            one["share_of_class"] = min(left / one["voxels"], 1.0)
            left = max(left - one["voxels"], 0.0)
        gaps = [one["voxels"] * (one["mean_probability"] - one["share_of_class"]) for one in bins]
        pool["error"] = math.fsum(map(abs, gaps)) / pool["voxels"]

    edit_json("calibration.json", edit)(run)


def make_pipe(name: str) -> Change:
    return lambda run: os.mkfifo(run / name)


def replace_by_pipe(name: str) -> Change:
    def change(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return change


def write(name: str, content: bytes) -> Change:
    def change(run: Path) -> None:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)

    return change


def forge_distances(run: Path) -> None:
    """Forge HD95 in the table, and all that summary and model card say of it."""
    from segtrail.evaluation.statistics import summarise
    from segtrail.methods_text.text import write_methods
    from segtrail.model_card.card import write_card

    change_cell("metrics_cases.csv", "hd95_mm", "0.5")(run)
    with (run / "metrics_cases.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == "val"]
    path = run / "metrics_summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    how = {key: summary["bootstrap"][key] for key in ("seed", "samples", "confidence")}
    forged = asdict(summarise([float(row["hd95_mm"]) for row in rows], **how))
    summary["splits"]["val"]["ball"]["metrics"]["hd95_mm"] = forged
    path.write_text(json.dumps(summary, indent=2), encoding="utf-8")
    write_card(run)
    write_methods(run)


def make_reports_anew(run: Path) -> None:
    """Write reports that fit the folder as it is now, over those that are there."""
    from segtrail.report.document import build_document
    from segtrail.report.run_contents import read_run
    from segtrail.report.typeset import typeset
    from segtrail.report.web_page import write_web_page

    contents = read_run(run)
    document = build_document(contents)
    moment = contents.run.ended_utc or contents.run.created_utc
    (run / "report.pdf").write_bytes(typeset(document, moment))
    (run / "report.html").write_bytes(write_web_page(document))


def chain_anew(run: Path, change: Change) -> None:
    """Change a run and make every hash of the folder fit again, as its owner can."""
    from segtrail.record.manifest import write_manifest
    from segtrail.training.checkpoint import hash_tensors

    before = {path: hash_file(path) for path in run.rglob("*") if path.is_file()}
    change(run)
    write_manifest(run, hash_tensors)
    report = run / "report.pdf"
    if report.exists() and hash_file(report) == before[report]:
        make_reports_anew(run)
    text = (run / JOURNAL).read_text(encoding="utf-8")
    for path, old in before.items():
        if path.exists() and path.name != JOURNAL:
            text = text.replace(old, hash_file(path))
    previous, lines = "0" * 64, []
    for line in text.splitlines():
        entry = json.loads(line) | {"previous": previous}
        lines.append(json.dumps(entry, separators=(",", ":"), ensure_ascii=False))
        previous = hashlib.sha256(lines[-1].encode("utf-8")).hexdigest()
    (run / JOURNAL).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def carriage_returns(run: Path) -> None:
    *lines, last = (run / JOURNAL).read_bytes().splitlines()
    (run / JOURNAL).write_bytes(b"\r".join(lines) + b"\r" + last + b"\n")


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
    ("the web page", append("report.html", b" "), "report.html was edited"),
    ("the web page gone", remove("report.html"), "report.html is missing"),
    ("a third report", add("report.docx"), "report.docx was added"),
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
    (
        "a remark behind the last line",
        append(JOURNAL, b'{"action":"approved"}'),
        "bytes stand behind its last",
    ),
    ("other ends of lines", carriage_returns, "is no entry of a journal"),
    (
        "HD95 in table, summary, manifest and seal",
        reseal(forge_distances),
        "metrics_cases.csv is not the one that the journal saw written",
    ),
    (
        "a case left out, and sealed again",
        reseal(drop_row("metrics_cases.csv", 1)),
        "metrics_cases.csv has no case_2, a case of val",
    ),
    (
        "a label map, and sealed again",
        reseal(replace_by("predictions/case_2.nii.gz", "predictions/case_3.nii.gz")),
        "predictions/case_2.nii.gz is not the one that the journal saw written",
    ),
    (
        "a pooled calibration, and sealed again",
        reseal(edit_json("calibration.json", lambda content: content["pooled"][0].update(error=0.0))),
        "ball, val: the error is 0.0",
    ),
    (
        "the bins and the pooled error together, and sealed again",
        reseal(forge_bins_and_error),
        ", which its bias and the errors of its cases",
    ),
    (
        "bins without a voxel, and sealed again",
        reseal(edit_json("calibration.json", lambda content: content["pooled"][0].update(bins=[]))),
        "ball, val: its bins hold no voxel",
    ),
    (
        "a calibration left out, and sealed again",
        reseal(edit_json("calibration.json", lambda content: content["cases"].pop())),
        "calibration.json has no ball of",
    ),
    (
        "a learning rate, and sealed again",
        reseal(change_cell("history.csv", "learning_rate", "1")),
        "history.csv is not the one that the journal saw written",
    ),
    (
        "a hash of the data, and sealed again",
        reseal(
            edit_json("dataset_summary.json", lambda c: c["cases"][0]["image"].update(sha256_file="0" * 64))
        ),
        "dataset_summary.json is not the one that the journal opens with",
    ),
    (
        "the code, and sealed again",
        reseal(edit_json("run.json", lambda c: c.update(program_sha256="0" * 64))),
        "run.json has another program_sha256",
    ),
    (
        "the sources, and sealed again",
        reseal(append("provenance/code.zip", b"\0")),
        "provenance/code.zip is not the one that the journal saw written",
    ),
    (
        "a gap taken out, and sealed again",
        reseal(edit_json("provenance/provenance.json", lambda c: c.update(gaps=["none"]))),
        "provenance/provenance.json is not the one that the journal saw written",
    ),
    (
        "the list of packages taken out, and sealed again",
        reseal(remove("provenance/packages.json")),
        "provenance/packages.json is missing, which the journal saw written",
    ),
    (
        "a patch added, and sealed again",
        reseal(add("provenance/forged.patch")),
        "provenance/forged.patch is not known to the journal",
    ),
    (
        "the version of torch, and sealed again",
        reseal(edit_json("run.json", lambda c: c["environment"].update(torch="9.9"))),
        "run.json has another environment",
    ),
    (
        "the operator, and sealed again",
        reseal(edit_json("run.json", lambda c: c.update(operator="Eve"))),
        "run.json has another operator",
    ),
    (
        "the note, and sealed again",
        reseal(edit_json("run.json", lambda c: c.update(note="another"))),
        "run.json has another note",
    ),
    (
        "an interruption that never was",
        reseal(edit_json("run.json", lambda c: c.update(resumed=[{"resumed_utc": "2026-01-01T00:00:00Z"}]))),
        "of which the journal knows nothing",
    ),
    ("a forged report, and sealed again", reseal(append("report.pdf", b" ")), "holds another report than"),
    ("a forged web page, and sealed again", reseal(append("report.html", b" ")), "holds another report than"),
    ("the report gone, and sealed again", reseal(remove("report.pdf")), "holds another report than"),
    (
        "a weight, and sealed again",
        reseal(change_weight),
        "checkpoints/best.pt is not the one that the journal saw written",
    ),
    ("a second seal", write_on(), "it goes on behind the seal"),
    ("a second evaluation and seal", write_on(("evaluated", {"files": {}})), "it goes on behind the seal"),
    ("a second opening", write_on(("run opened", {})), "it is opened a second time"),
    ("the log, and sealed again", reseal(append("train.log", b"Fine.\n")), "the seal holds another manifest"),
    (
        "a picture added, and sealed again",
        reseal(write("examples/more.png", b"png")),
        "the seal holds another manifest",
    ),
    ("a state too deep to read", write("run.json", b"[" * 200_000), "run.json was"),
    (
        "a data set too deep to read",
        write("dataset_summary.json", b"[" * 200_000),
        "dataset_summary.json was",
    ),
    (
        "a report outside the run",
        edit_seal(lambda entry: entry["details"]["report_sha256"].update({"../outside": "0" * 64})),
        "the seal names ../outside",
    ),
    ("reports that are a list", edit_seal(lambda entry: entry["details"].update(report_sha256=[1])), "seal"),
    (
        "a number that is none",
        edit_text(JOURNAL, '"number":2', '"number":1e999'),
        "Line 2 of journal.jsonl is no",
    ),
    ("a journal too deep to read", write(JOURNAL, b"[" * 200_000 + b"\n"), "Line 1 of journal.jsonl is no"),
    ("a summary too deep to read", write("metrics_summary.json", b"[" * 200_000), "metrics_summary.json was"),
    (
        "a configuration too deep to read",
        write("config_resolved.yaml", b"[" * 20_000),
        "config_resolved.yaml was",
    ),
    ("an endless epoch", change_cell("history.csv", "epoch", "Infinity"), "the files can't be compared"),
    (
        "a path that is a number",
        manifest_entry(lambda entry: entry.update(path=7)),
        "manifest.json is damaged",
    ),
    (
        "a size that is a text",
        manifest_entry(lambda entry: entry.update(bytes="7")),
        "manifest.json is damaged",
    ),
    (
        "samples without end",
        edit_json("metrics_summary.json", lambda c: c["bootstrap"].update(samples=10**12)),
        "are not made as the configuration says",
    ),
    ("the state gone", remove("run.json"), "run.json is missing"),
    ("an empty folder", lambda run: (run / "more").mkdir(), "more is an empty folder that was added"),
    ("a lock that says something", write(".lock", b"approved"), ".lock was edited"),
    (
        "a signature of nobody",
        write("addenda/signature.sigstore.json", b"[" * 200_000),
        "journal.jsonl can't be read",
    ),
    ("addenda out of nothing", add("addenda/notes.md"), "journal.jsonl can't be read"),
]


if os.name != "nt":  # which has neither such pipes nor such names
    TAMPERINGS += [
        ("a pipe", make_pipe("notes.txt"), "notes.txt is a pipe or a device"),
        ("a table by a pipe", replace_by_pipe("history.csv"), "history.csv is a pipe or a device"),
        ("the journal by a pipe", replace_by_pipe(JOURNAL), "journal.jsonl is a pipe or a device"),
        ("a name that clears the screen", write("\x1b[2Jnotes", b""), "\\x1b[2Jnotes was added"),
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
