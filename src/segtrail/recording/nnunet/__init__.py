"""Reading what a training of nnU-Net (its second version) left in its results folder."""

from segtrail.recording.nnunet.command_line import find_results
from segtrail.recording.nnunet.read import read_nnunet

__all__ = ["find_results", "read_nnunet"]
