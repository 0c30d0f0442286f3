"""segtrail trains 3D segmentation networks and leaves a record of every run."""

from segtrail.errors import SegtrailError
from segtrail.run import Prediction, Run
from segtrail.run_index.find_runs import find_runs
from segtrail.version import __version__

__all__ = ["Prediction", "Run", "SegtrailError", "__version__", "find_runs"]
