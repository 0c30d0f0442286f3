"""Packages that only some exports need: imported when they are used, and named where they are missing."""

import importlib
from typing import Any

from segtrail.errors import InputError


def import_extra(module: str, extra: str) -> Any:
    """Import a module of a package that comes with an extra of segtrail.

    Args:
        module: The module.
        extra: The extra that brings it.

    Returns:
        The module.

    Raises:
        InputError: It is not installed, or can't be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"This needs packages that are not installed here ({error}): pip install 'segtrail[{extra}]'"
        ) from None
