"""The stages one by one: `parse`, `tag`, `replay`. JSON lines out, messages on stderr."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from analyzers.tag import Tagger, load_tagger
from collectors.files import parse_file
from collectors.items import NotAFeed
from monitor.lines import BadLines, read_posts, write_line
from monitor.replay import Sighting, arrivals, event_line, replay, sighting
from runtime.config import Config
from runtime.errors import ConfigError
from schemas.posts import Post, SourceKind, Tags

# What a post object may leave out where it is only tagged.
UNTIMED: dict[str, object] = {
    "id": "",
    "source": "",
    "source_kind": "forum",
    "url": "",
    "title": "",
    "body": "",
    "published_at": None,
}
TIMED: dict[str, object] = {"url": "", "title": "", "body": "", "published_at": None}


def parse_files(paths: Sequence[Path], source: str | None, kind: SourceKind, url: str) -> int:
    """Print each post of each document; 1 if a file could not be read, after all the others."""
    failed = 0
    for path in paths:
        try:
            parsed = parse_file(path, source, kind, url)
        except (ConfigError, NotAFeed) as error:
            sys.stderr.write(f"{error}\n")
            failed += 1
            continue
        if parsed.warning:
            sys.stderr.write(f"{path}: {parsed.warning}\n")
        for post in parsed.posts:
            write_line({"file": os.fsencode(path).decode("utf-8", "replace"), **_fields(post)})
    return 1 if failed else 0


def tag_lines(lines: Iterable[bytes], config: Config) -> int:
    """Print each post with its tags; 1 if a line was bad, after all the others."""
    tagger = _tagger(config)
    bad = BadLines("stdin")
    for _, post in read_posts(lines, Post, UNTIMED, bad):
        write_line({**_fields(post), **_tag_fields(tagger.tag(post))})
    return 1 if bad.count else 0


def replay_lines(lines: Iterable[bytes], place: str, config: Config) -> int:
    """Print the events; 1 if a line was bad, after all the others."""
    tagger = _tagger(config)
    bad = BadLines(place)
    seen: list[Sighting] = []
    for number, post in read_posts(lines, Post, TIMED, bad):
        one = sighting(post)
        if one:
            seen.append(one)
        else:
            finding = "neither seen_at nor published_at, or not a year between 1971 and 2199"
            bad.tell(number, finding, "give the post a time")
    for event in replay(arrivals(seen, tagger.tagged), config):
        write_line(event_line(event))
    return 1 if bad.count else 0


def _tagger(config: Config) -> Tagger:
    tagger = load_tagger(config)
    if tagger.problem:
        sys.stderr.write(f"{tagger.problem}\n")
    return tagger


def _fields(post: Post) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(post, builtin_types=())
    return fields


def _tag_fields(tags: Tags) -> dict[str, object]:
    return {
        "topics": tags.topics,
        "category": tags.category,
        "units": tags.units,
        "owed": tags.owed,
        "danger": tags.danger,
        "sensitivity": tags.sensitivity,
        "department": tags.department,
        "story_id": tags.story_id,
        "why": tags.why,
        "rules_version": tags.rules_version,
        "model_version": tags.model_version,
    }
