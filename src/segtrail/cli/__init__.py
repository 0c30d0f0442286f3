"""The command line: each command is a few lines that call the package, with heavy imports inside."""

from segtrail.cli.program import main

__all__ = ["main"]
