"""A run as a file of events that TensorBoard shows: curves, results, pictures and configuration."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from segtrail.errors import InputError
from segtrail.export.extras import import_extra
from segtrail.export.mlflow.content import RunContent, content_of
from segtrail.report.record_schema import Example
from segtrail.report.run_contents import RunContents, read_run

_EXTRA = "tensorboard"
# What every file of events begins with; from this version on, TensorBoard takes steps in any order.
_FORMAT = "brain.Event:2"
# The names that TensorBoard has for the channels of a picture.
_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def export_tensorboard(folder: Path, target: Path) -> dict[str, Any]:
    """Write a finished run as events.

    All times are those of the record, so that the same run gives the same bytes.

    Args:
        folder: The folder of a run, of a record of another program, or of a shared copy.
        target: A new folder, which TensorBoard takes for one run.

    Returns:
        How many ``scalars``, ``pictures`` and ``texts`` were written.

    Raises:
        InputError: TensorBoard is not installed, the run is not finished, or a file of it is missing or damaged.
    """
    contents = read_run(folder)
    if contents.run.status != "finished":
        raise InputError(
            f"{folder.name} is {contents.run.status}, and its curves may go on. `segtrail resume` brings it to its "
            "end; --to mlflow takes unfinished runs too."
        )
    content = content_of(contents)
    texts, pictures = [*_texts(contents, content)], [*_pictures(contents)]
    path = target / f"events.out.tfevents.{content.start_ms // 1000}.segtrail"
    with _EventFile(path, content.start_ms) as events:
        for name, text in texts:
            events.add_text(name, text, content.start_ms)
        for point in content.points:
            events.add_scalar(point.key, point.value, point.time_ms, point.step)
        for name, picture, caption in pictures:
            events.add_picture(name, picture, caption, content.end_ms or content.start_ms)
    return {"scalars": len(content.points), "pictures": len(pictures), "texts": len(texts)}


class _EventFile:
    """A file of events in TensorBoard's own messages.

    TensorBoard's writer takes the time of the clock and names the machine in the file's name, so only its records and
    messages are used.
    """

    def __init__(self, path: Path, start_ms: int) -> None:
        self._event = import_extra("tensorboard.compat.proto.event_pb2", _EXTRA).Event
        self._summary = import_extra("tensorboard.compat.proto.summary_pb2", _EXTRA)
        self._tensors = import_extra("tensorboard.util.tensor_util", _EXTRA)
        self._text = import_extra("tensorboard.plugins.text.metadata", _EXTRA)
        records = import_extra("tensorboard.summary.writer.record_writer", _EXTRA)
        self._records: Any = records.RecordWriter(path.open("xb"))
        self._write(start_ms, 0, file_version=_FORMAT)

    def __enter__(self) -> "_EventFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._records.close()

    def add_scalar(self, name: str, value: float, time_ms: int, step: int) -> None:
        self._add(time_ms, step, tag=name, simple_value=value)

    def add_text(self, name: str, markdown: str, time_ms: int) -> None:
        metadata = self._text.create_summary_metadata(display_name=name, description="")
        tensor = self._tensors.make_tensor_proto([markdown.encode("utf-8")])
        self._add(time_ms, 0, tag=name, metadata=metadata, tensor=tensor)

    def add_picture(self, name: str, path: Path, caption: str, time_ms: int) -> None:
        """Add a PNG file as it is.

        Raises:
            InputError: It is missing or damaged.
        """
        try:
            encoded = path.read_bytes()
            with Image.open(path) as picture:
                (width, height), channels = picture.size, _CHANNELS[picture.mode]
        except (OSError, KeyError, Image.DecompressionBombError):
            raise InputError(
                f"{path}, a picture of the run, is missing or damaged. `segtrail verify` says what was changed."
            ) from None
        image = self._summary.Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=encoded
        )
        shown_by = self._summary.SummaryMetadata.PluginData(plugin_name="images")
        metadata = self._summary.SummaryMetadata(
            display_name=name, summary_description=caption, plugin_data=shown_by
        )
        self._add(time_ms, 0, tag=name, metadata=metadata, image=image)

    def _add(self, time_ms: int, step: int, **value: Any) -> None:
        self._write(
            time_ms, step, summary=self._summary.Summary(value=[self._summary.Summary.Value(**value)])
        )

    def _write(self, time_ms: int, step: int, **content: Any) -> None:
        event = self._event(wall_time=time_ms / 1000, step=step, **content)
        self._records.write(event.SerializeToString(deterministic=True))


def _texts(contents: RunContents, content: RunContent) -> Iterator[tuple[str, str]]:
    """Give the texts of a run in Markdown, by name."""
    facts = {key: value for key, value in content.tags.items() if key.startswith("segtrail.")}
    rows = [f"| {key.removeprefix('segtrail.')} | {_cell(value)} |" for key, value in facts.items()]
    yield "run", "\n".join(["| fact | value |", "| --- | --- |", *rows])
    config = contents.config or contents.training_configuration
    if config:
        written = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)
        yield "configuration", "".join(f"    {line}\n" for line in written.splitlines())
    if note := content.tags.get("mlflow.note.content"):
        yield "notes", note


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _pictures(contents: RunContents) -> Iterator[tuple[str, Path, str]]:
    """Give name, file and caption of the example pictures."""
    for example in contents.examples.examples if contents.examples else ():
        yield (
            f"examples/{example.rank} {example.case}",
            _inside(contents.folder, example.file),
            example.caption,
        )
        yield from _surface(contents.folder, example)


def _surface(folder: Path, example: Example) -> Iterator[tuple[str, Path, str]]:
    if example.surface is not None:
        name = f"surfaces/{example.rank} {example.case}"
        yield name, _inside(folder, example.surface.file), example.surface.caption


def _inside(folder: Path, name: str) -> Path:
    """Return a file of the run; a record that was changed might name another one."""
    path = folder / "examples" / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{folder / 'examples' / 'examples.json'} names a picture outside of the run. `segtrail verify` says "
            "what was changed."
        )
    return path
