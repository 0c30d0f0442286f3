import hashlib
import pickle
from pathlib import Path, PurePosixPath

import pytest
import torch

from segtrail.errors import InputError
from segtrail.training.checkpoint import load_checkpoint, save_checkpoint, serialise_checkpoint


def content():
    torch.manual_seed(0)
    network = torch.nn.Conv3d(2, 3, 3)
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2, 4, 4, 4)).sum().backward()
    optimiser.step()
    return {
        "epoch": 3,
        "config": {"optim": {"lr": 2e-4}, "split": {"val": ["la_004"], "train": None}},
        "networks": {"main": network.state_dict()},
        "optimiser": optimiser.state_dict(),
    }


@pytest.fixture
def path(tmp_path) -> Path:
    """A checkpoint."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    save_checkpoint(folder / "best.pt", content())
    return folder / "best.pt"


def refusal(path):
    with pytest.raises(InputError) as caught:
        load_checkpoint(path)
    return str(caught.value)


def test_a_checkpoint_comes_back_as_it_was(path):
    loaded = load_checkpoint(path)
    assert loaded["epoch"] == 3
    assert loaded["config"] == content()["config"]
    for name, weight in content()["networks"]["main"].items():
        assert torch.equal(loaded["networks"]["main"][name], weight)
    moments = loaded["optimiser"]["state"][0]["exp_avg"]
    assert torch.equal(moments, content()["optimiser"]["state"][0]["exp_avg"])


def test_the_same_content_gives_the_same_bytes_under_any_name(path, tmp_path):
    save_checkpoint(tmp_path / "last.pt", content())
    assert (tmp_path / "last.pt").read_bytes() == path.read_bytes()


def test_the_hash_is_that_of_the_bytes_and_a_copy_in_memory_is_the_same(tmp_path):
    sha256 = save_checkpoint(tmp_path / "last.pt", content())
    written = (tmp_path / "last.pt").read_bytes()
    assert hashlib.sha256(written).hexdigest() == sha256
    assert serialise_checkpoint(content()) == written


def test_other_content_gives_other_bytes(path, tmp_path):
    save_checkpoint(tmp_path / "last.pt", content() | {"epoch": 4})
    assert (tmp_path / "last.pt").read_bytes() != path.read_bytes()


def test_a_checkpoint_holds_no_path(path, tmp_path):
    assert str(tmp_path).encode() not in path.read_bytes()
    assert b"best.pt" not in path.read_bytes()


@pytest.mark.requirement("SAF-01")
def test_a_checkpoint_that_would_run_code_is_refused_and_the_code_does_not_run(path, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"schema_version": 1, "bomb": Bomb()}, path)
    assert "checkpoints/best.pt is no checkpoint of segtrail" in refusal(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_is_refused(path, protocol):
    path.write_bytes(pickle.dumps({"schema_version": 1, "path": PurePosixPath("x")}, protocol))
    assert "checkpoints/best.pt" in refusal(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("rest", [b"", b"\x80", b"\x80\x02", b"hello", b"PK\x03\x04"])
def test_a_file_that_is_no_checkpoint_is_refused_in_a_sentence(path, rest):
    path.write_bytes(rest)
    assert "checkpoints/best.pt" in refusal(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_checkpoint_cut_off_anywhere_is_refused_in_a_sentence(path):
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 60):
        path.write_bytes(whole[:length])
        assert "checkpoints/best.pt" in refusal(path)


def test_a_checkpoint_with_one_bit_of_a_weight_changed_is_refused(path):
    whole = bytearray(path.read_bytes())
    weight = content()["networks"]["main"]["weight"].numpy().tobytes()
    whole[whole.index(weight) + 101] ^= 0x40
    path.write_bytes(whole)
    assert "damaged" in refusal(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_checkpoint_with_any_byte_damaged_is_refused_or_loads_the_same(path):
    def saved_again(loaded):
        save_checkpoint(path.with_name("again.pt"), loaded)
        return path.with_name("again.pt").read_bytes()

    whole = path.read_bytes()
    expected = saved_again(load_checkpoint(path))
    changed = []
    for position in range(0, len(whole), 23):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            loaded = load_checkpoint(path)
        except InputError:
            continue
        if saved_again(loaded) != expected:
            changed.append(position)
    assert changed == []


def test_a_missing_checkpoint_is_told(path):
    assert refusal(path.with_name("last.pt")) == "There is no checkpoint checkpoints/last.pt in this run."


@pytest.mark.parametrize("found", [{"schema_version": 2}, {}, [1, 2]])
def test_a_checkpoint_of_another_version_is_refused(path, found):
    torch.save(found, path)
    assert "this segtrail reads version 1" in refusal(path)


def test_a_write_that_fails_leaves_the_old_checkpoint(path, monkeypatch):
    before = path.read_bytes()

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, content() | {"epoch": 4})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
