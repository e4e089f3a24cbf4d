"""JSON lines in and out: post objects from a file or stdin, one object a line on stdout."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, TextIO, TypeVar

import msgspec

T = TypeVar("T")
TIMES = ("published_at", "seen_at", "updated_at")


class BadLines:
    """Tells on stderr what is wrong with single lines, and remembers that there were any."""

    def __init__(self, place: str, stream: TextIO | None = None) -> None:
        self.place = place
        self.stream = stream or sys.stderr
        self.count = 0

    def tell(self, number: int, finding: str, remedy: str) -> None:
        self.count += 1
        self.stream.write(f"{self.place}:{number}: {finding}; {remedy}\n")


def read_posts(
    lines: Iterable[bytes], kind: type[T], defaults: dict[str, object], bad: BadLines
) -> Iterator[tuple[int, T]]:
    """Each line's number and object; unknown fields are dropped, so no author passes through."""
    for number, raw in enumerate(lines, 1):
        line = raw.removeprefix(b"\xef\xbb\xbf").strip()
        if not line:
            continue
        try:
            fields: Any = msgspec.json.decode(line)
            if not isinstance(fields, dict):
                bad.tell(number, "not a JSON object", "write one post object a line")
                continue
            times = {name: _time(fields[name]) for name in TIMES if name in fields}
            yield number, msgspec.convert({**defaults, **fields, **times}, kind)
        except msgspec.ValidationError as error:
            bad.tell(number, f"not a post object: {error}", "see docs/topics.md, Post object")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            bad.tell(number, f"not JSON: {error}", "write one JSON object a line, in UTF-8")


def _time(value: object) -> object:
    """ISO 8601 has more forms than JSON libraries read, such as times without seconds."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    return value


def write_line(value: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
