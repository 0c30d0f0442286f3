"""What the command line of ``segtrail init`` asks for."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InitRequest:
    """What the command line asks for.

    Attributes:
        folder: Folder of the data.
        images: Pattern that names the images.
        labels: Pattern that names the labels.
        name: Name of the data set; None takes the folder's.
        label_names: Names of the classes, by rising value.
        channels: Names of the channels.
        config: The configuration to write; None takes NAME.yaml in the current directory.
        renumber: Write label maps numbered anew where values leave gaps.
        overwrite: Write over what is there, which is kept beside.
    """

    folder: Path
    images: str | None = None
    labels: str | None = None
    name: str | None = None
    label_names: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    config: Path | None = None
    renumber: bool = False
    overwrite: bool = False

    @property
    def chosen(self) -> list[str]:
        """The options that decide what a description says."""
        options = {
            "--images": self.images,
            "--labels": self.labels,
            "--label-names": self.label_names,
            "--channels": self.channels,
            "--renumber": self.renumber,
        }
        return [option for option, value in options.items() if value]

    @property
    def data_name(self) -> str:
        """Name of the data set."""
        return self.name or self.folder.resolve().name or "dataset"

    @property
    def config_path(self) -> Path:
        """The configuration to write."""
        file_name = re.sub(r"[^\w.-]+", "_", self.data_name).strip("._") or "dataset"
        return self.config or Path(f"{file_name}.yaml")
