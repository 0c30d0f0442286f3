"""The files that a web page of a report carries, read from it again."""

import base64
from html.parser import HTMLParser


def read_carried_files(page: bytes) -> dict[str, bytes]:
    """Read the files that a page offers to save.

    Args:
        page: HTML of ``write_web_page``.

    Returns:
        Their bytes by name.

    Raises:
        ValueError: The page is no text in UTF-8, a link holds no file or an attribute twice, or two files have one
            name.
    """
    reader = _Reader()
    reader.feed(page.decode("utf-8"))
    reader.close()
    return reader.files


class _Reader(HTMLParser):
    """Collects the links with a name to save under."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if len(values) != len(attrs):  # a browser takes the first of two, this reader the last
            raise ValueError(f"the element {tag} has an attribute twice")
        name, target = values.get("download"), values.get("href") or ""
        if tag != "a" or not name:
            return
        head, mark, content = target.partition(";base64,")
        if not head.startswith("data:") or not mark or name in self.files:
            raise ValueError(f"the link to {name} is not the one file of that name")
        self.files[name] = base64.b64decode(content, validate=True)
