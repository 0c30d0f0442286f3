"""Small synthetic data sets in the decathlon's layout, written with nibabel."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

import drawn_once
import permissions

# Where several processes test beside each other, each computes on one thread, or they would wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("segtrail", deadline=None)
settings.load_profile("segtrail")
# A shell that starts the tests in the background has them ignore Ctrl-C, which many of them raise.
signal.signal(signal.SIGINT, signal.default_int_handler)

Array = NDArray[Any]
SHAPE = (20, 18, 14)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def ball_labels(shape: tuple[int, int, int], centre: Array, radius: float) -> Array:
    grid = np.indices(shape).reshape(3, -1).T
    inside = ((grid - centre) ** 2).sum(axis=1) <= radius**2
    return inside.reshape(shape).astype(np.uint8)


@dataclass
class DecathlonFolder:
    """A data set folder that grows case by case; its ``dataset.json`` is always up to date."""

    root: Path
    description: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "Balls",
            "description": "Synthetic balls",
            "licence": "CC0",
            "reference": "nobody",
            "release": "1.0",
            "modality": {"0": "MRI"},
            "labels": {"0": "background", "1": "ball"},
            "training": [],
        }
    )

    def write_volume(self, file: str, data: Array, affine: Array = AFFINE) -> Path:
        """Write a volume with nibabel, in its array's own dtype."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(data, affine), path)
        return path

    def add_case(
        self,
        name: str,
        image: Array | None = None,
        label: Array | None = None,
        affine: Array = AFFINE,
        *,
        label_affine: Array | None = None,
        suffix: str = ".nii.gz",
        **entry: str,
    ) -> None:
        """Add a case; what is not given is a ball on noise that depends on the name alone."""
        generator = np.random.default_rng(list(name.encode()))
        if label is None:
            shape = SHAPE if image is None else image.shape[:3]
            centre = np.asarray(shape) / 2 + generator.uniform(-2, 2, size=3)
            label = ball_labels(shape, centre, 4.5)
        if image is None:
            noise = generator.integers(5, 40, size=label.shape)
            image = (noise + 100 * label.astype(np.int64)).astype(np.int16)
        files = {"image": f"imagesTr/{name}{suffix}", "label": f"labelsTr/{name}{suffix}"}
        self.write_volume(files["image"], image, affine)
        self.write_volume(files["label"], label, affine if label_affine is None else label_affine)
        self.description["training"].append({**files, **entry})
        self.save()

    def save(self, **changes: Any) -> None:
        """Write ``dataset.json``, with entries changed."""
        self.description |= changes
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.joinpath("dataset.json").write_text(json.dumps(self.description), encoding="utf-8")


@pytest.fixture
def new_dataset(tmp_path: Path) -> Callable[..., DecathlonFolder]:
    """Make an empty data set folder in ``tmp_path``."""

    def make(name: str = "data") -> DecathlonFolder:
        return DecathlonFolder(tmp_path / name)

    return make


@pytest.fixture
def make_dataset(new_dataset: Callable[..., DecathlonFolder]) -> Callable[..., DecathlonFolder]:
    """Make a data set of balls: ``case_0``, ``case_1`` and so on."""

    def make(n_cases: int = 4, name: str = "data", **case: Any) -> DecathlonFolder:
        folder = new_dataset(name)
        for number in range(n_cases):
            folder.add_case(f"case_{number}", **case)
        return folder

    return make


@pytest.fixture
def binding_permissions() -> Iterator[None]:
    """Let file permissions bind this test also where it runs as root."""
    with permissions.binding_permissions():
        yield


@dataclass(frozen=True)
class CommandResult:
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(autouse=True)
def no_key_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the key of whoever runs the tests out of them."""
    monkeypatch.setattr("segtrail.cli.signing_commands._settings_folder", lambda: tmp_path / "settings")


@pytest.fixture(autouse=True)
def no_index_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the cache of whoever runs the tests as it is."""
    monkeypatch.setattr("segtrail.run_index.database.user_cache_path", lambda *_, **__: tmp_path / "cache")


@pytest.fixture
def drawn_anew() -> None:
    """Have this test draw all its pictures, also those that a test before has drawn."""


@pytest.fixture(autouse=True)
def pictures_drawn_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no picture again that a test before has drawn."""
    if "drawn_anew" not in request.fixturenames:
        drawn_once.draw_once(monkeypatch)


@pytest.fixture
def segtrail(capsys: pytest.CaptureFixture[str]) -> Callable[..., CommandResult]:
    """Run a segtrail command in this process."""
    from segtrail.cli import main

    def run(*arguments: object) -> CommandResult:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return CommandResult(int(ended.value.code or 0), captured.out, captured.err)

    return run


TINY_TRAINING = """
paths: {{data_root: '{data_root}', output_root: '{output_root}'}}
split: {{val: [case_2, case_3]}}
preprocess: {{spacing: [1, 1, 2]}}
patch: {{patch_size: [16, 16, 8], patches_per_case: 3}}
train: {{max_epochs: 2, num_workers: 0, num_threads: 1, precision: fp32}}
model: {{name: fast, channels: [8, 8], blocks: [0, 0]}}
optim: {{lr: 1e-2}}
report: {{bootstrap_samples: 50}}
"""


def write_tiny_config(folder: Path, data_root: Path, output_root: Path) -> Path:
    """Write a configuration that trains in a second or two."""
    path = folder / "tiny.yaml"
    path.write_text(
        TINY_TRAINING.format(data_root=data_root.as_posix(), output_root=output_root.as_posix()),
        encoding="utf-8",
    )
    return path


@pytest.fixture
def tiny_config(tmp_path: Path, make_dataset: Callable[..., DecathlonFolder]) -> Path:
    """A configuration file for four balls; runs come to ``tmp_path/outputs``."""
    return write_tiny_config(tmp_path, make_dataset().root, tmp_path / "outputs")


@pytest.fixture(scope="session")
def kept_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration file for four balls, for runs of several tests; no test may change it, its data or its runs."""
    folder = tmp_path_factory.mktemp("kept")
    data = DecathlonFolder(folder / "data")
    for number in range(4):
        data.add_case(f"case_{number}")
    return write_tiny_config(folder, data.root, folder / "outputs")


@pytest.fixture(scope="session")
def quick_run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that tests may read and must not change."""
    from segtrail.config.load import load_config
    from segtrail.experiment.train_run import train_run
    from segtrail.progress import Narrator

    folder = tmp_path_factory.mktemp("finished")
    data = DecathlonFolder(folder / "data")
    for number in range(5):
        data.add_case(f"case_{number}")
    config = write_tiny_config(folder, data.root, folder / "outputs")
    finished = train_run(
        load_config(config, ["split.test=[case_4]"]), Narrator(), "a note", ["segtrail", "train", str(config)]
    )
    return finished.folder.path


# Two names that tell, a class, a metric, a number, and one with letters that can be spelt in two ways.
TELLING_CASES = ("la_003", "la_007", "ball", "dice", "17", "Müller Jürgen")


@pytest.fixture(scope="session")
def named_run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose names tell, which tests may read and must not change."""
    from segtrail.config.load import load_config
    from segtrail.experiment.train_run import train_run
    from segtrail.progress import Narrator

    folder = tmp_path_factory.mktemp("named")
    data = DecathlonFolder(folder / "data")
    for name in TELLING_CASES:
        data.add_case(name)
    data.description["training"][0]["group"] = "Patient Zero"
    data.save()
    config = write_tiny_config(folder, data.root, folder / "outputs")
    changes = [
        'split.val=[dice, "17"]',
        "split.test=[Müller Jürgen]",
        "split.groups={Family X: [la_007]}",
        "project.operator=Dr Evelyn Hyde",
        "project.description=For the ward of Professor Moriarty",
    ]
    command = ["segtrail", "train", str(config), "--note", "ask about la_003"]
    return train_run(load_config(config, changes), Narrator(), "ask about la_003", command).folder.path


STAGED_TRAINING = """
paths: {{data_root: '{data_root}', output_root: '{output_root}'}}
split: {{val: [case_4], test: [case_5]}}
patch: {{patch_size: null, patches_per_case: 8}}
augment: {{enabled: false}}
train: {{num_workers: 0, num_threads: 1, precision: fp32, keep: last, validate_every: 100}}
model: {{name: fast, channels: [8, 8], blocks: [0, 0]}}
optim: {{lr: 1e-2, schedule: {{name: onecycle}}}}
report: {{bootstrap_samples: 50}}
stages:
  coarse:
    preprocess: {{spacing: [2, 2, 4]}}
    train: {{max_epochs: 16}}
  fine:
    train: {{max_epochs: 8, ema_decay: 0.9}}
    region: {{margin_mm: 3, shift_mm: 2, crossfit_folds: 2}}
"""


def write_staged_config(folder: Path, data_root: Path, output_root: Path) -> Path:
    """Write a configuration of two stages that trains in some seconds."""
    path = folder / "staged.yaml"
    path.write_text(
        STAGED_TRAINING.format(data_root=data_root.as_posix(), output_root=output_root.as_posix()),
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="session")
def staged_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six balls in volumes that are larger than a region; tests may read it and must not change it."""
    data = DecathlonFolder(tmp_path_factory.mktemp("staged") / "data")
    for number in range(6):
        centre = np.array([20, 18, 12]) + np.random.default_rng(number).uniform(-5, 5, size=3)
        data.add_case(f"case_{number}", label=ball_labels((40, 36, 24), centre, 5.5))
    return data.root


@pytest.fixture
def staged_config(tmp_path: Path, staged_data: Path) -> Path:
    """A configuration file of two stages; runs come to ``tmp_path/outputs``."""
    return write_staged_config(tmp_path, staged_data, tmp_path / "outputs")


@pytest.fixture(scope="session")
def staged_run_dir(staged_data: Path) -> Path:
    """A finished run of two stages that tests may read and must not change."""
    from segtrail.config.load import load_config
    from segtrail.experiment.train_run import train_run
    from segtrail.progress import Narrator

    folder = staged_data.parent
    config = write_staged_config(folder, staged_data, folder / "outputs")
    return train_run(load_config(config), Narrator(), "", ["segtrail", "train", str(config)]).folder.path


@pytest.fixture(scope="session")
def finished_cv_dir(kept_config: Path) -> Path:
    """A finished cross-validation of two folds that tests may read and must not change."""
    from segtrail.config.load import load_config
    from segtrail.cross_validation.cross_validate import cross_validate
    from segtrail.progress import Narrator

    outputs = kept_config.parent / "cross_validated"
    changes = ["split.val=null", "train.max_epochs=1", "report.enabled=false", f"paths.output_root={outputs}"]
    command = ["segtrail", "cv", str(kept_config), *changes, "--folds", "2"]
    return cross_validate(load_config(kept_config, changes), 2, Narrator(), "a note", command).folder.path


@pytest.fixture(scope="session")
def finished_seeds_dir(kept_config: Path) -> Path:
    """A finished series of two seeds that tests may read and must not change."""
    from segtrail.cli import main

    outputs = kept_config.parent / "seeds"
    changes = ["report.enabled=false", "train.seed=3", f"paths.output_root={outputs}"]
    with pytest.raises(SystemExit) as ended:
        main(["seeds", str(kept_config), *changes, "--n", "2", "--note", "a note"])
    assert not ended.value.code
    (series,) = (outputs / "seeds").iterdir()
    return Path(series)
