"""The runbook's ``python scripts/04_make_pdf_report.py --run_dir RUN``: calls the package."""

import argparse

from segtrail.cli import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the report of a run again, as PDF and as web page.")
    parser.add_argument("--run_dir", required=True, help="The run folder, a run ID, or latest.")
    main(["report", parser.parse_args().run_dir])
