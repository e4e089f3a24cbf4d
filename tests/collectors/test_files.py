"""Documents from local files."""

from pathlib import Path

import pytest

from collectors.files import parse_file
from collectors.items import NotAFeed
from runtime.errors import ConfigError
from schemas.posts import SourceKind
from tests.collectors.documents import item, rss


def test_the_source_is_the_files_stem(tmp_path: Path) -> None:
    path = tmp_path / "tieba.xml"
    path.write_bytes(rss(item(1)))
    (post,) = parse_file(path).posts
    assert (post.source, post.source_kind) == ("tieba", SourceKind.FORUM)
    (named,) = parse_file(path, "daily", SourceKind.NEWS).posts
    assert (named.source, named.source_kind) == ("daily", SourceKind.NEWS)


def test_what_cannot_be_read_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.xml: can't be read \(No such file"):
        parse_file(tmp_path / "none.xml")
    (tmp_path / "empty.xml").write_bytes(b"")
    with pytest.raises(NotAFeed, match=r"empty\.xml: an empty body"):
        parse_file(tmp_path / "empty.xml")
