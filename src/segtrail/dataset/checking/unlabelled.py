"""Images without a label that the description lists and that can't be used."""

from segtrail.dataset.containment import is_file_inside
from segtrail.dataset.description import DatasetDescription
from segtrail.dataset.findings import Finding
from segtrail.dataset.names import shown_list


def find_missing_unlabelled(description: DatasetDescription) -> list[Finding]:
    """Look for the files listed under "test".

    Args:
        description: The data set; what is wrong with the entries themselves is among its findings.

    Returns:
        One finding of unlabelled where files are not there, or are links out of the folder.
    """
    files = [file for image in description.unlabelled for file in image]
    missing = [file for file in files if not is_file_inside(description.root / file, description.root)]
    if not missing:
        return []
    count = f"{len(missing)} of {len(files)}"
    evidence = f"{count} files under test are not in the data set's folder: {shown_list(missing)}"
    return [Finding("unlabelled", None, evidence)]
