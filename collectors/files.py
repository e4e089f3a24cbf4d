"""A feed document in a local file to posts, for `huisheng parse`."""

from pathlib import Path

from collectors.feeds import parse_feed
from collectors.items import NotAFeed, Origin, ParsedFeed
from runtime.errors import ConfigError
from schemas.posts import SourceKind


def parse_file(
    path: Path, source: str | None = None, kind: SourceKind = SourceKind.FORUM, url: str = ""
) -> ParsedFeed:
    """`source` is the file's stem unless given. Raises ConfigError, or NotAFeed naming the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"{path}: can't be read ({error.strerror}); give a file that exists and is yours"
        raise ConfigError(reason) from error
    try:
        return parse_feed(data, Origin(source or path.stem, kind, url))
    except NotAFeed as error:
        reason = f"{path}: {error}"
        raise NotAFeed(reason) from error
