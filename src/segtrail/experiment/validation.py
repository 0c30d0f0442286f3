"""The validation inside training: Dice of full volumes, on the grids of their files."""

from collections.abc import Sequence

import numpy as np

from segtrail.evaluation.evaluate import mean_dice
from segtrail.experiment.preparation import PreparedData
from segtrail.images.nifti import read_volume
from segtrail.inference.predictor import Predictor
from segtrail.preprocessing.cache import PreparedCase
from segtrail.preprocessing.grid import WorkingGrid
from segtrail.progress import Narrator
from segtrail.stop_request import StopRequest


class Validation:
    """Segments the validation cases and averages their Dice.

    Args:
        predictor: Uses the network in training.
        data: The data set.
        prepared: The preprocessed cases by name.
        spacing_mm: Spacing of the working grid.
        narrator: Shows progress.
    """

    def __init__(
        self,
        predictor: Predictor,
        data: PreparedData,
        prepared: dict[str, PreparedCase],
        spacing_mm: tuple[float, float, float],
        narrator: Narrator,
    ) -> None:
        self._predictor, self._data, self._prepared = predictor, data, prepared
        self._spacing_mm, self._narrator = spacing_mm, narrator

    def __call__(self, stop: StopRequest) -> float | None:
        """Return the mean over cases of the mean Dice over classes; None when a stop came before the last."""
        cases: Sequence[str] = self._data.split.val
        with self._narrator.track("Validating", len(cases)) as tracker:
            scores = []
            for case in cases:
                if stop:
                    return None
                scores.append(self._score(case))
                tracker.advance(case)
        return float(np.nanmean(scores))

    def _score(self, case: str) -> float:
        facts = self._data.scans[case].image
        assert facts is not None
        grid = WorkingGrid.of(np.asarray(facts.affine), facts.shape, self._spacing_mm)
        prediction = self._predictor.segment_prepared(self._prepared[case].image(), grid)
        description = self._data.description
        reference = read_volume(description.root / description.case(case).label).data[0].astype(np.uint8)
        return mean_dice(prediction, reference, description.class_names)
