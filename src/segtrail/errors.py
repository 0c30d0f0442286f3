"""The errors that end a command with a sentence instead of a traceback."""


class SegtrailError(Exception):
    """A problem that a user can act on.

    The message says what was found, where, what was expected and what to do.
    """

    exit_code = 2


class InputError(SegtrailError):
    """A configuration, command line, file or machine that cannot be worked with (exit 2)."""


class ConditionsDiffer(InputError):
    """A run that can't go on with the same bits, because what they depend on has changed (exit 2)."""


class CheckFailed(SegtrailError):
    """A check of data, of a run or of a result that did not pass (exit 1)."""

    exit_code = 1


class TrainingFailed(SegtrailError):
    """A training that had to stop: a loss that is not finite, or no memory left (exit 1)."""

    exit_code = 1


class Interrupted(SegtrailError):
    """The user or the system asked the program to stop (exit 130)."""

    exit_code = 130
