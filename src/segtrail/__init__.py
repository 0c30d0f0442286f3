"""segtrail trains 3D segmentation networks and leaves a record of every run."""

from segtrail.version import __version__

__all__ = ["__version__"]
