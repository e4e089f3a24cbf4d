"""Invented posts with the tags that they should get (cases.jsonl, see README.md beside it)."""

from pathlib import Path

import msgspec

from schemas.posts import Owed


class Case(msgspec.Struct, frozen=True):
    title: str
    body: str
    topics: tuple[str, ...]
    owed: Owed
    danger: bool


_LINES = (Path(__file__).parent / "cases.jsonl").read_text("utf-8").splitlines()
CASES = [msgspec.json.decode(line, type=Case) for line in _LINES]
