"""``python -m segtrail`` is the same as ``segtrail``."""

from segtrail.cli import main

if __name__ == "__main__":
    main()
