"""Whether an SQLite file was cut short, by its own header, before SQLite itself opens it."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from runtime.errors import ConfigError

_MAGIC = b"SQLite format 3\0"
_SMALLEST_PAGE = 512
_HEADER_BYTES = 100
_JOURNAL_HEADER = struct.Struct(">16x8s8x")
_FRAME_HEADER = struct.Struct(">I4x8s8x")


def check_whole(path: Path) -> None:
    """Raises ConfigError for a file that lost its beginning or its end.

    SQLite takes one without its beginning for a new one, and throws the journal beside it away. Of
    one without its end it reads zeros if the journal names a later end: records would be half.
    """
    journal = path.with_name(f"{path.name}-wal")
    try:
        # Twice: another process may move its journal into the file at this moment.
        finding = _finding(path, journal) and _finding(path, journal)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        message = f"{path}: can't be read: {error}; let this user read its folder"
        raise ConfigError(message) from error
    if finding:
        message = f"{path}: {finding}; move it away with its -wal, or restore it from a backup"
        raise ConfigError(message)


def _finding(path: Path, journal: Path) -> str:
    size = path.stat().st_size
    if size < _SMALLEST_PAGE:
        left = journal.stat().st_size if journal.exists() else 0
        # Empty and alone it is a file that was about to be made.
        return f"only {size} bytes are left, and {left} of its journal" if size or left else ""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    page, pages = _sizes(header)
    beyond = range(size // page + 1, pages + 1)
    missing = len(beyond)
    if missing and journal.exists():
        # Not cut, when the journal was being moved into the file: it still has these pages.
        missing -= len({number for number in _journalled(journal, page) if number in beyond})
    return f"{missing} of its {pages} pages are missing" if missing else ""


def _sizes(header: bytes) -> tuple[int, int]:
    """Of a page in bytes, and of the file in pages; 0 where the header does not tell."""
    magic, page, changes, pages, told_at = struct.unpack_from(">16sH6xII60xI", header)
    page = 65536 if page == 1 else max(page, _SMALLEST_PAGE)
    return page, pages if magic == _MAGIC and changes == told_at else 0


def _journalled(journal: Path, page: int) -> Iterator[int]:
    """The numbers of the pages in the journal's present run."""
    with journal.open("rb") as file:
        header = file.read(_JOURNAL_HEADER.size)
        if len(header) < _JOURNAL_HEADER.size:
            return
        (run,) = _JOURNAL_HEADER.unpack(header)
        for number, of_run in _frames(file, page):
            if of_run != run:
                return
            yield number


def _frames(file: BinaryIO, page: int) -> Iterator[tuple[int, bytes]]:
    while len(header := file.read(_FRAME_HEADER.size)) == _FRAME_HEADER.size:
        yield _FRAME_HEADER.unpack(header)
        file.seek(page, 1)
