"""A training of nnU-Net is read from its folders: its numbers as they are, and what is in doubt in sentences."""

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nnunet_folders import CASES, DATA_SET, PLANS, TRAINER, Epoch, NnunetFolders, write_json, write_labels

from segtrail.errors import InputError
from segtrail.recording.foreign_training import ForeignTraining
from segtrail.recording.nnunet import find_results, read_nnunet
from segtrail.recording.nnunet.command_line import find_version
from segtrail.recording.nnunet.summary import compare_cases, read_summary

COMMAND = ("nnUNetv2_train", "4", "3d_fullres", "0", "-device", "cpu")


@pytest.fixture(autouse=True)
def no_variables_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folders(tmp_path: Path) -> NnunetFolders:
    """A finished training."""
    return NnunetFolders(tmp_path / "nn").write()


def read(folders: NnunetFolders) -> ForeignTraining:
    return read_nnunet(folders.fold, command=COMMAND)


def remove_checkpoints(folders: NnunetFolders) -> None:
    for path in folders.fold.glob("*.pth"):
        path.unlink()


def remove_logs(folders: NnunetFolders) -> None:
    for path in folders.fold.glob("*.txt"):
        path.unlink()


def test_a_finished_training_leaves_no_gap(folders: NnunetFolders) -> None:
    training = read(folders)
    assert training.gaps == ()
    assert training.network == "PlainConvUNet"
    assert training.data_set == DATA_SET
    assert training.planned_epochs == 3
    assert list(training.train_cases) == ["case_0", "case_1"]


# History


def test_checkpoints_give_numbers_that_are_not_rounded(folders: NnunetFolders) -> None:
    last = read(folders).history[-1]
    assert (last.epoch, last.train_loss, last.seconds) == (3, float(np.float32(0.3)), pytest.approx(12.3456))
    assert last.learning_rate == 0.01 / 3
    assert last.val_dice_patches == pytest.approx(0.6)
    assert last.val_dice is None


def test_without_checkpoints_the_log_gives_the_history(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    history = read(folders).history
    assert [epoch.train_loss for epoch in history] == [0.5, 0.4, 0.3]
    assert (history[2].learning_rate, history[2].val_loss, history[2].seconds) == (0.00333, 0.4, 12.34)
    assert history[2].val_dice_patches == pytest.approx(0.6)


def test_without_logs_the_checkpoint_gives_the_history(folders: NnunetFolders) -> None:
    remove_logs(folders)
    training = read(folders)
    assert [epoch.epoch for epoch in training.history] == [1, 2, 3]
    assert "fold_0 has no training log." in training.gaps


def test_logs_of_older_nnunet_and_of_windows_are_read(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    log = next(folders.fold.glob("*.txt"))
    text = log.read_text(encoding="utf-8").replace("np.float32(0.5)", "0.5").replace("np.float32(0.7)", "0.7")
    log.write_text(text, encoding="utf-8", newline="\r\n")
    assert read(folders).history[0].val_dice_patches == pytest.approx(0.6)


def test_a_class_that_no_patch_holds_is_left_out_of_the_mean(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    folders.write_log([Epoch(1, dice=(float("nan"), 0.8)), Epoch(2, dice=(float("nan"),) * 2), Epoch(3)])
    assert [epoch.val_dice_patches for epoch in read(folders).history] == [0.8, None, pytest.approx(0.6)]


def test_a_loss_that_is_no_number_is_told(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    folders.write_log([Epoch(1), Epoch(2, float("nan")), Epoch(3)])
    training = read(folders)
    assert training.history[1].train_loss is None
    assert "The loss is no finite number in epoch 2." in training.gaps


def test_a_continued_training_replaces_the_epochs_that_it_trained_again(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    folders.write_log([Epoch(n, 1.0) for n in (1, 2, 3, 4)], predicted=(), is_validated=False)
    folders.write_log([Epoch(3, 0.2)], day=28)
    assert [(epoch.epoch, epoch.train_loss) for epoch in read(folders).history] == [
        (1, 1.0),
        (2, 1.0),
        (3, 0.2),
    ]


def test_logs_are_read_by_their_dates_and_not_by_their_names(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    folders.write_log([Epoch(n, 1.0) for n in (1, 2, 3)], day=9)
    assert read(folders).history[0].train_loss == 0.5


def test_a_validation_alone_leaves_the_history_as_it_is(folders: NnunetFolders) -> None:
    folders.write_log([], day=28)
    training = read(folders)
    assert (len(training.history), training.gaps) == (3, ())


def test_missing_epochs_are_told(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    remove_logs(folders)
    folders.write_log([Epoch(3)])
    assert "The training logs lack epochs 1, 2." in read(folders).gaps


def test_an_epoch_that_was_cut_is_left_out_and_told(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    log = next(folders.fold.glob("*.txt"))
    log.write_text(log.read_text(encoding="utf-8").partition("train_loss 0.3")[0], encoding="utf-8")
    training = read(folders)
    assert [epoch.epoch for epoch in training.history] == [1, 2]
    assert "The training log breaks off within epoch 3; what it says of it is left out." in training.gaps
    assert "The training has 2 whole epochs of 3 that were planned." in training.gaps


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 4000))
def test_a_log_that_was_cut_anywhere_gives_the_first_epochs(folders: NnunetFolders, cut: int) -> None:
    remove_checkpoints(folders)
    log = folders.write_log([Epoch(1), Epoch(2), Epoch(3)])
    log.write_bytes(log.read_bytes()[:cut])
    history = read(folders).history
    assert [epoch.epoch for epoch in history] == list(range(1, len(history) + 1))
    assert {epoch.seconds for epoch in history} <= {12.34}


def test_a_log_that_is_no_text_gives_no_epochs(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    next(folders.fold.glob("*.txt")).write_bytes(bytes(range(256)) * 20)
    assert read(folders).history == []


# Checkpoints


class Pickled:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_nothing_in_a_checkpoint_is_run(folders: NnunetFolders, tmp_path: Path) -> None:
    mark = tmp_path / "was_run"
    folders.write_checkpoint("checkpoint_final.pth", [Epoch(1)], surprise=Pickled(mark))
    training = read(folders)
    assert not mark.exists()
    assert any("checkpoint_final.pth holds more than tensors" in gap for gap in training.gaps)
    assert len(training.history) == 3
    torch.load(folders.fold / "checkpoint_final.pth", weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps({"logging": {}})])
def test_a_damaged_checkpoint_is_told(folders: NnunetFolders, content: bytes) -> None:
    (folders.fold / "checkpoint_final.pth").write_bytes(content)
    training = read(folders)
    assert any("checkpoint_final.pth is damaged or none of nnU-Net's" in gap for gap in training.gaps)
    assert len(training.history) == 3


def test_a_changed_byte_in_what_a_checkpoint_says_is_found(folders: NnunetFolders) -> None:
    path = folders.fold / "checkpoint_final.pth"
    content = path.read_bytes()
    place = content.index(b"current_epoch")
    path.write_bytes(content[:place] + b"K" + content[place + 1 :])
    assert any("checkpoint_final.pth is damaged" in gap for gap in read(folders).gaps)


def test_a_checkpoint_without_its_lists_is_told(folders: NnunetFolders) -> None:
    folders.write_checkpoint("checkpoint_final.pth", [Epoch(1)], logging={"lrs": [0.1]})
    assert any("checkpoint_final.pth is damaged or none of nnU-Net's" in gap for gap in read(folders).gaps)


def test_the_final_checkpoint_of_an_earlier_training_is_left_out(folders: NnunetFolders) -> None:
    folders.write_checkpoint("checkpoint_final.pth", [Epoch(1, 7.0), Epoch(2, 6.0), Epoch(3, 5.0)])
    training = read(folders)
    assert training.best_checkpoint is None
    assert training.history[0].train_loss == 0.5
    assert any("not of the training that the logs tell of" in gap for gap in training.gaps)


# The best epoch, and what made the label maps


def test_the_best_epoch_is_that_of_the_best_checkpoint(folders: NnunetFolders) -> None:
    training = read(folders)
    assert training.best_epoch == 2
    assert "nnU-Net took epoch 2 for the best" in training.chosen_how


def test_without_checkpoints_the_log_tells_the_best_epoch(folders: NnunetFolders) -> None:
    remove_checkpoints(folders)
    training = read(folders)
    assert (training.best_epoch, training.best_checkpoint) == (2, None)
    assert any("the record has no weights" in gap for gap in training.gaps)


def test_a_best_epoch_that_was_thrown_away_is_told(folders: NnunetFolders) -> None:
    folders.write_log([Epoch(2, 0.4), Epoch(3, 0.3)], day=28)
    assert any(
        "of epoch 2 of a part of the training that was broken off" in gap for gap in read(folders).gaps
    )


def test_the_final_weights_made_the_label_maps(folders: NnunetFolders) -> None:
    training = read(folders)
    assert training.best_checkpoint == folders.fold / "checkpoint_final.pth"
    assert "made with checkpoint_final.pth, the weights behind epoch 3" in training.chosen_how


def test_val_best_has_the_best_weights_make_the_label_maps(folders: NnunetFolders) -> None:
    training = read_nnunet(folders.fold, command=[*COMMAND, "--val_best"])
    assert training.best_checkpoint == folders.fold / "checkpoint_best.pth"
    assert "made with checkpoint_best.pth, the weights behind epoch 2" in training.chosen_how


def test_without_the_command_the_final_weights_are_assumed_and_told(folders: NnunetFolders) -> None:
    training = read_nnunet(folders.fold, command=["bash", "train.sh"])
    assert training.best_checkpoint == folders.fold / "checkpoint_final.pth"
    assert any("do not say which checkpoint made the label maps" in gap for gap in training.gaps)


# Classes and cases


def test_background_is_no_class(folders: NnunetFolders) -> None:
    assert read(folders).classes == {"Anterior": (1,), "Posterior": (2,)}


def test_regions_have_several_values_and_ignored_voxels_one(folders: NnunetFolders) -> None:
    labels = {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}
    write_json(folders.trainer / "dataset.json", {**folders.dataset, "labels": labels})
    training = read(folders)
    assert (training.classes, training.ignored_label) == ({"whole": (1, 2), "core": (2,)}, 3)


@pytest.mark.parametrize("labels", [None, {}, [1], {"a": -1}, {"a": []}, {"a": "x"}, {"a": True}, {"": 1}])
def test_labels_that_are_none_are_told(folders: NnunetFolders, labels: Any) -> None:
    write_json(folders.trainer / "dataset.json", {**folders.dataset, "labels": labels})
    training = read(folders)
    assert training.classes == {}
    assert any("so that nothing can be measured" in gap for gap in training.gaps)


def test_label_maps_are_paired_with_the_references_that_nnunet_kept(folders: NnunetFolders) -> None:
    pairs = read(folders).validation
    assert [pair.case for pair in pairs] == ["case_2", "case_3"]
    assert pairs[0].prediction == folders.fold / "validation" / "case_2.nii.gz"
    assert pairs[0].reference == folders.preprocessed / "gt_segmentations" / "case_2.nii.gz"


def test_else_they_are_paired_with_the_raw_labels(folders: NnunetFolders) -> None:
    shutil.move(folders.preprocessed / "gt_segmentations", folders.raw / "labelsTr")
    assert read(folders).validation[0].reference == folders.raw / "labelsTr" / "case_2.nii.gz"


def test_label_maps_without_a_reference_are_told(folders: NnunetFolders) -> None:
    (folders.preprocessed / "gt_segmentations" / "case_2.nii.gz").unlink()
    training = read(folders)
    assert [pair.case for pair in training.validation] == ["case_3"]
    assert any("No reference was found" in gap and "case_2" in gap for gap in training.gaps)


def test_other_files_than_nifti_are_told(folders: NnunetFolders) -> None:
    write_json(folders.trainer / "dataset.json", {**folders.dataset, "file_ending": "/../../x.mha"})
    training = read(folders)
    assert training.validation == ()
    assert any("segtrail reads .nii.gz and .nii" in gap for gap in training.gaps)


def test_the_fold_all_validates_on_what_it_trained_on(tmp_path: Path) -> None:
    training = read(NnunetFolders(tmp_path, fold_name="fold_all").write())
    assert tuple(training.train_cases) == CASES
    assert any("validated on the same ones" in gap for gap in training.gaps)


def test_a_fold_that_the_split_lacks_is_told(tmp_path: Path) -> None:
    training = read(NnunetFolders(tmp_path, fold_name="fold_3").write())
    assert training.train_cases == ()
    assert any("has 1 folds, and no fold 3" in gap for gap in training.gaps)


def test_a_split_that_was_changed_since_is_told(folders: NnunetFolders) -> None:
    splits = [{"train": ["case_0"], "val": ["case_1", "case_2", "case_3"]}]
    write_json(folders.preprocessed / "splits_final.json", splits)
    training = read(folders)
    assert training.train_cases == ()
    assert any("it was changed since" in gap for gap in training.gaps)


def test_validation_cases_that_were_trained_on_are_told(folders: NnunetFolders) -> None:
    splits = [{"train": ["case_0", "case_2"], "val": ["case_1", "case_9"]}]
    write_json(folders.preprocessed / "splits_final.json", splits)
    gaps = " ".join(read(folders).gaps)
    assert "These validation cases were trained on, after splits_final.json: case_2." in gaps
    assert "splits_final.json does not name these validation cases: case_3." in gaps
    assert "have no label map: case_1, case_9." in gaps


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "C:\\x", "con", 7, None])
def test_names_in_a_split_lead_nowhere(folders: NnunetFolders, name: Any) -> None:
    write_json(
        folders.preprocessed / "splits_final.json", [{"train": [name, "case_0"], "val": [name, "case_2"]}]
    )
    training = read(folders)
    assert training.train_cases == ()
    assert any("It is not known which cases were trained on." in gap for gap in training.gaps)


# Trainings that did not end


def test_a_training_without_a_validation_has_a_history_and_a_gap(folders: NnunetFolders) -> None:
    shutil.rmtree(folders.fold / "validation")
    (folders.fold / "checkpoint_final.pth").unlink()
    folders.write_log([Epoch(1), Epoch(2)], predicted=(), is_validated=False)
    training = read(folders)
    assert (len(training.history), training.validation) == (2, ())
    gaps = " ".join(training.gaps)
    assert "fold_0 holds no label maps of a validation" in gaps
    assert "fold_0 has no checkpoint_final.pth" in gaps
    assert "2 whole epochs of 3" in gaps


def test_label_maps_of_an_earlier_training_are_left_out(folders: NnunetFolders) -> None:
    folders.write_log([Epoch(n, 0.2) for n in (1, 2, 3)], predicted=["case_3"], is_validated=False, day=28)
    training = read(folders)
    assert [pair.case for pair in training.validation] == ["case_3"]
    gaps = " ".join(training.gaps)
    assert "The validation was broken off" in gaps
    assert "so that they were left out: case_2." in gaps


def test_a_second_validation_that_was_broken_off_leaves_out_what_it_did_not_make(
    folders: NnunetFolders,
) -> None:
    folders.write_log([], predicted=["case_2"], is_validated=False, day=28)
    training = read(folders)
    assert [pair.case for pair in training.validation] == ["case_2"]
    assert any("so that they were left out: case_3." in gap for gap in training.gaps)


# Files that are damaged, missing or lead away


@pytest.mark.parametrize("content", [b"", b"[", b"[1]", b"\xff\xfe{", b"[" * 100_000, b"9" * 10_000])
@pytest.mark.parametrize(
    "name", ["plans.json", "dataset.json", "fold_0/debug.json", "fold_0/validation/summary.json"]
)
def test_a_damaged_file_is_told(folders: NnunetFolders, name: str, content: bytes) -> None:
    (folders.trainer / name).write_bytes(content)
    training = read(folders)
    assert any(Path(name).name in gap for gap in training.gaps)
    assert len(training.history) == 3


@pytest.mark.parametrize("content", [{}, [], [[]], [{"train": 1, "val": 2}], [{"train": []}]])
def test_a_split_that_is_none_is_told(folders: NnunetFolders, content: Any) -> None:
    write_json(folders.preprocessed / "splits_final.json", content)
    training = read(folders)
    assert training.train_cases == ()
    assert any("splits_final.json" in gap for gap in training.gaps)


def test_a_file_that_is_missing_is_told(folders: NnunetFolders) -> None:
    (folders.trainer / "plans.json").unlink()
    training = read(folders)
    assert training.network is None
    assert any("There is no file plans.json" in gap for gap in training.gaps)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_that_lead_away_are_not_kept(folders: NnunetFolders, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"num_epochs": "3"}', encoding="utf-8")
    for name in ("debug.json", "validation/case_2.nii.gz", "checkpoint_final.pth"):
        path = folders.fold / name
        path.unlink()
        path.symlink_to(secret)
    training = read(folders)
    assert "nnunet/debug.json" not in training.kept
    assert [pair.case for pair in training.validation] == ["case_3"]
    assert training.best_checkpoint is None
    assert "checkpoint_final.pth is a link out of fold_0, and was left out." in training.gaps


@pytest.mark.usefixtures("binding_permissions")
@pytest.mark.parametrize("name", ["fold_0/debug.json", "fold_0/training_log_2026_11_27_18_38_05.txt"])
def test_a_file_that_may_not_be_read_is_told(folders: NnunetFolders, name: str) -> None:
    (folders.trainer / name).chmod(0)
    assert any(Path(name).name in gap and "can't be read" in gap for gap in read(folders).gaps)


@pytest.mark.usefixtures("binding_permissions")
@pytest.mark.parametrize("name", ["fold_0", "fold_0/validation"])
def test_a_folder_that_may_not_be_read_is_refused(folders: NnunetFolders, name: str) -> None:
    folder = folders.trainer / name
    folder.chmod(0)
    try:
        with pytest.raises(InputError, match=r"can't be read: Permission denied|holds no results"):
            read(folders)
    finally:
        folder.chmod(0o755)


def test_the_files_that_tell_of_the_training_are_kept(folders: NnunetFolders) -> None:
    training = read(folders)
    assert sorted(training.kept) == [
        "nnunet/dataset.json",
        "nnunet/dataset_fingerprint.json",
        "nnunet/debug.json",
        "nnunet/plans.json",
        "nnunet/progress.png",
        "nnunet/splits_final.json",
        "nnunet/training_log_2026_11_27_18_38_05.txt",
        "nnunet/validation/summary.json",
    ]
    assert set(training.kept) - set(training.with_machine_paths) == {"nnunet/progress.png"}


# Configuration


def test_the_configuration_names_what_was_trained(folders: NnunetFolders) -> None:
    configuration = read(folders).configuration
    assert configuration["configuration"] == PLANS["configurations"]["3d_fullres"]
    assert configuration["configuration_name"] == "3d_fullres"
    assert configuration["fold"] == "0"
    assert "configurations" not in configuration["plans"]
    assert configuration["fingerprint"]["spacings"][0] == [1.0, 1.0, 2.0]


def test_the_configuration_holds_no_paths_of_the_machine(folders: NnunetFolders) -> None:
    write_json(folders.trainer / "plans.json", {**PLANS, "note": "/home/ada/plans", "number": float("nan")})
    configuration = read(folders).configuration
    text = json.dumps(configuration, allow_nan=False)
    assert "ada" not in text
    assert "0x7f39" not in text
    assert configuration["plans"]["number"] is None


def test_a_configuration_has_what_it_inherits(folders: NnunetFolders) -> None:
    folders.trainer.rename(folders.trainer.with_name("nnUNetTrainer__nnUNetPlans__3d_small"))
    training = read_nnunet(folders.results, command=COMMAND)
    assert training.configuration["configuration"]["batch_size"] == 1
    assert training.network == "PlainConvUNet"


@pytest.mark.parametrize("name", ["circle", "2d"])
def test_a_configuration_that_the_plans_lack_is_told(folders: NnunetFolders, name: str) -> None:
    folders.trainer.rename(folders.trainer.with_name(f"nnUNetTrainer__nnUNetPlans__{name}"))
    training = read_nnunet(folders.results, command=COMMAND)
    assert f"plans.json has no configuration {name} that could be read." in training.gaps


def test_a_trainer_folder_of_another_name_is_told(folders: NnunetFolders) -> None:
    folders.trainer.rename(folders.trainer.with_name("mine"))
    assert any("The folder mine is not named" in gap for gap in read_nnunet(folders.results).gaps)


# Finding the folders


@pytest.mark.parametrize("above", ["fold", "trainer", "results"])
def test_the_one_fold_is_found(folders: NnunetFolders, above: str) -> None:
    assert read_nnunet(getattr(folders, above), command=COMMAND).gaps == ()


def test_several_folds_are_listed(folders: NnunetFolders) -> None:
    shutil.copytree(folders.fold, folders.trainer / "fold_1")
    with pytest.raises(
        InputError, match=f"holds 2 folds .*{TRAINER}/fold_0, .*/fold_1. Give the folder of one"
    ):
        read_nnunet(folders.results)


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no results folder"):
        read_nnunet(tmp_path / "none")


@pytest.mark.parametrize("name", [".", "fold_0"])
def test_a_folder_without_results_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "fold_0").mkdir()
    with pytest.raises(InputError, match="holds no results of nnU-Net"):
        read_nnunet(tmp_path / name)


@pytest.mark.parametrize("above", ["fold_0", "..", "../../../.."])
def test_results_of_the_first_version_are_refused(tmp_path: Path, above: str) -> None:
    trainer = tmp_path / "nnUNet/3d_fullres/Task004_Hippocampus/nnUNetTrainerV2__nnUNetPlansv2.1"
    (trainer / "fold_0").mkdir(parents=True)
    (trainer / "plans.pkl").write_bytes(b"")
    (trainer / "fold_0" / "model_final_checkpoint.model").write_bytes(b"")
    (trainer / "fold_0" / "training_log_2020_1_2_03_04_05.txt").write_bytes(b"")
    with pytest.raises(InputError, match="nnU-Net's first version"):
        read_nnunet((trainer / above).resolve())


def test_the_data_are_found_beside_the_results(folders: NnunetFolders) -> None:
    assert len(read(folders).validation) == 2


@pytest.mark.parametrize("place", ["nnUNet_preprocessed", f"nnUNet_preprocessed/{DATA_SET}"])
def test_the_data_are_found_where_the_user_says(folders: NnunetFolders, tmp_path: Path, place: str) -> None:
    shutil.move(folders.root / "nnUNet_preprocessed", tmp_path / "elsewhere" / "nnUNet_preprocessed")
    assert read(folders).validation == []
    training = read_nnunet(folders.fold, preprocessed=tmp_path / "elsewhere" / place, command=COMMAND)
    assert (len(training.validation), training.gaps) == (2, ())


def test_the_data_are_found_where_the_variables_say(
    folders: NnunetFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(folders.root / "nnUNet_preprocessed", tmp_path / "else")
    monkeypatch.setenv("nnUNet_preprocessed", str(tmp_path / "else"))
    assert len(read(folders).validation) == 2


def test_data_that_are_not_found_are_told(folders: NnunetFolders) -> None:
    shutil.rmtree(folders.root / "nnUNet_preprocessed")
    gaps = " ".join(read(folders).gaps)
    assert "No folder of the data set was found in nnUNet_preprocessed." in gaps
    assert "No reference was found" in gaps


def test_a_data_folder_that_was_given_must_be_there(folders: NnunetFolders, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no folder .*Give nnUNet_raw"):
        read_nnunet(folders.fold, raw=tmp_path / "none")


# The command line


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("nnUNetv2_train 4 3d_fullres 0", f"{DATA_SET}/{TRAINER}/fold_0"),
        (f"nnUNetv2_train {DATA_SET} 2d all -tr Mine -p Plans --npz", f"{DATA_SET}/Mine__Plans__2d/fold_all"),
        ("venv/bin/nnUNetv2_train -device cpu -tr=Mine 4 2d 1", f"{DATA_SET}/Mine__nnUNetPlans__2d/fold_1"),
        ("python -m nnunetv2.run.run_training 004 2d 1", f"{DATA_SET}/nnUNetTrainer__nnUNetPlans__2d/fold_1"),
        ("nice nnUNetv2_train.exe 4 2d 1", f"{DATA_SET}/nnUNetTrainer__nnUNetPlans__2d/fold_1"),
        ("nnUNetv2_train 5 3d_fullres 0", None),
        ("nnUNetv2_train 4 3d_fullres", None),
        ("nnUNetv2_train 4 3d_fullres ../0", None),
        ("nnUNetv2_train Dataset/../.. 3d_fullres 0", None),
        ("python train.py", None),
        ("", None),
    ],
)
def test_the_command_tells_where_its_results_go(
    folders: NnunetFolders, command: str, found: str | None
) -> None:
    names = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
    environment = {name: str(folders.root / name) for name in names}
    result = find_results(command.split(), environment)
    assert result == (None if found is None else folders.results / found)


def test_without_the_variable_nothing_is_found() -> None:
    assert find_results(COMMAND, {}) is None


def test_the_version_is_that_beside_the_program(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "nnUNetv2_train"
    (tmp_path / "lib/python3.11/site-packages/nnunetv2-2.8.1.dist-info").mkdir(parents=True)
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert find_version([str(program), "4"], {}) == "2.8.1"
    assert find_version(["no-such-program"], {"PATH": str(program.parent)}) is None


# What nnU-Net measured


@pytest.fixture
def summary(folders: NnunetFolders) -> dict[str, dict[str, float | None]]:
    return read_summary(folders.fold, {"Anterior": (1,), "Posterior": (2,), "both": (1, 2)})


def test_the_summary_gives_the_dice_of_each_case(summary: dict[str, Any]) -> None:
    dice = {"Anterior": 1.0, "Posterior": None, "both": None}
    assert summary == {"case_2": dice, "case_3": dice}


def test_a_summary_of_the_same_cases_says_nothing(summary: dict[str, Any]) -> None:
    assert compare_cases(summary, ["case_2", "case_3"]) == []


def test_a_summary_of_other_cases_says_which(summary: dict[str, Any]) -> None:
    assert compare_cases(summary, ["case_2", "case_9"]) == [
        "summary.json does not name these cases, which have a label map: case_9.",
        "summary.json names these cases, which were not measured: case_3.",
    ]


def test_a_summary_of_other_cases_is_told(folders: NnunetFolders) -> None:
    write_labels(folders.fold / "validation" / "case_0.nii.gz")
    assert any("summary.json does not name these cases" in gap for gap in read(folders).gaps)


def test_the_dice_of_regions_are_found_by_their_values(folders: NnunetFolders) -> None:
    path = folders.fold / "validation" / "summary.json"
    entry = {
        "metrics": {"(1, 2)": {"Dice": 0.8}, "3": {"Dice": 0.5}},
        "prediction_file": "C:\\made\\case_2.nii.gz",
    }
    write_json(path, {"metric_per_case": [entry]})
    found = read_summary(folders.fold, {"whole": (1, 2), "core": (3,)})
    assert found == {"case_2": {"whole": 0.8, "core": 0.5}}


@pytest.mark.parametrize("entries", [None, [1], [{}], [{"metrics": {"x": {}}, "prediction_file": "a"}]])
def test_a_summary_that_is_none_is_told(folders: NnunetFolders, entries: Any) -> None:
    write_json(folders.fold / "validation" / "summary.json", {"metric_per_case": entries})
    assert any("What nnU-Net measured itself is not known." in gap for gap in read(folders).gaps)
