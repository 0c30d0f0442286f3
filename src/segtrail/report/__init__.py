"""The report of a run: pictures of cases, curves, tables, and the PDF that holds them."""
