import csv

import pytest

from segtrail.record.history import HistoryRow, append_history

HEADING = (
    "stage,epoch,train_loss,train_loss_dice,train_loss_cross_entropy,val_dice,learning_rate,seconds,"
    "patches_per_second,peak_memory_mb,schema_version"
)


def row(epoch, val_dice=0.1 + 0.2):
    return HistoryRow("main", epoch, 1 / 3, 0.2, 2e-17, val_dice, 2e-4, 1.5, 8.0, 512.0)


def read(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_each_epoch_is_one_line_below_one_heading(tmp_path):
    path = tmp_path / "history.csv"
    for epoch in (1, 2, 3):
        append_history(path, row(epoch))
        assert len(read(path)) == epoch
    assert path.read_bytes().startswith(HEADING.encode() + b"\nmain,1,")
    assert path.read_bytes().count(b"\n") == 4
    assert b"\r" not in path.read_bytes()


def test_numbers_come_back_to_the_last_bit(tmp_path):
    append_history(tmp_path / "history.csv", row(1))
    entry = read(tmp_path / "history.csv")[0]
    assert float(entry["train_loss"]) == 1 / 3
    assert float(entry["val_dice"]) == 0.1 + 0.2
    assert float(entry["train_loss_cross_entropy"]) == 2e-17
    assert entry["schema_version"] == "1"


def test_an_epoch_without_validation_leaves_its_dice_empty(tmp_path):
    append_history(tmp_path / "history.csv", row(1, val_dice=None))
    assert read(tmp_path / "history.csv")[0]["val_dice"] == ""


def test_a_file_left_empty_by_a_kill_gets_its_heading(tmp_path):
    path = tmp_path / "history.csv"
    path.touch()
    append_history(path, row(1))
    assert path.read_text(encoding="utf-8").splitlines()[0] == HEADING


def test_a_row_never_changes():
    with pytest.raises(AttributeError):
        row(1).epoch = 2
