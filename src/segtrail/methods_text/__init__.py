"""The methods section of a manuscript, written from the record of a run, with BibTeX for what was used."""
