"""The runbook's ``python -m src.train --config configs/baseline.yaml``: calls the package."""

import sys

from segtrail.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
