"""Measures variants of configs/cpu.yaml that need no training of their own, on the runs that ``variants.py`` made.

The average of weights follows the training and never touches it, and the largest component is chosen afterwards: the
networks of the first row of ``variants.py`` are used once more, without the one or the other.

python benchmarks/coarse_to_fine/without_training.py WORK_FOLDER --data data/Task02_Heart
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from comparison import HEADER, describe, finished_folder, read_rows

from segtrail.compute import Compute, set_up_compute
from segtrail.config.schema import Config
from segtrail.dataset.description import read_description
from segtrail.evaluation.metrics import compute_class_metrics
from segtrail.images.geometry import spacing_mm
from segtrail.images.nifti import read_channels, read_volume
from segtrail.inference.trained import LoadedNetworks, load_networks

TOLERANCE_MM = 2.0
Change = Callable[[LoadedNetworks], LoadedNetworks]


def as_they_are(loaded: LoadedNetworks) -> LoadedNetworks:
    """Change nothing: the row must be that of ``variants.py``."""
    return loaded


def without_average(loaded: LoadedNetworks) -> LoadedNetworks:
    """Take the weights of the last step in place of their average."""
    loaded.networks["fine"].network.load_state_dict(loaded.content["network_in_training"])
    return loaded


def without_largest_component(loaded: LoadedNetworks) -> LoadedNetworks:
    """Keep every part that the second network found."""
    values = loaded.config.model_dump(mode="json")
    values["stages"]["fine"]["infer"]["largest_component"] = False
    return replace(loaded, config=Config.model_validate(values))


CHANGES: dict[str, Change] = {
    "cpu.yaml": as_they_are,
    "no average of weights": without_average,
    "no largest component": without_largest_component,
}


def main() -> None:
    """Segment every case with the network that did not know it, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path, help="folder of variants.py")
    parser.add_argument("--data", type=Path, required=True, help="Task02_Heart")
    options = parser.parse_args()
    folder = finished_folder(options.work.resolve() / "cpu_yaml")
    if folder is None:
        parser.error(f"{options.work} holds no finished cross-validation of cpu.yaml; variants.py makes it.")
    base = {row["case"]: float(row["dice"]) for row in read_rows(folder / "metrics_cases.csv")}
    print("\n".join(HEADER))
    for name, change in CHANGES.items():
        rows = list(_measure(folder, options.data.resolve(), change))
        dice = {row["case"]: float(row["dice"]) for row in rows}
        print(f"| {name} | {describe(rows, dice, base)} | |", flush=True)


def _measure(folder: Path, data: Path, change: Change) -> Iterator[dict[str, str]]:
    description = read_description(data)
    record = json.loads((folder / "cv.json").read_text(encoding="utf-8"))
    for fold in record["folds"]:
        run = folder.parents[1] / "runs" / fold["run_id"]
        predictor = change(load_networks(run, "last", _compute)).predictor()
        for case in fold["val"]:
            files = description.case(case)
            image, label = read_channels(files.image_paths(data)), read_volume(data / files.label)
            predicted = predictor.predict(image)[0].labels == 1
            spacing = [float(mm) for mm in spacing_mm(label.affine)]
            found = compute_class_metrics(predicted, label.data[0] == 1, spacing, [TOLERANCE_MM])
            yield {
                "case": case,
                "dice": str(found.dice),
                "nsd_2mm": str(found.nsd[TOLERANCE_MM]),
                "hd95_mm": str(found.hd95_mm),
            }


def _compute(config: Config) -> Compute:
    return set_up_compute(config.train)


if __name__ == "__main__":
    main()
