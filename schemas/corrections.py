"""What operators say of tags, and when tags changed for other reasons than new posts."""

from datetime import datetime

import msgspec

from schemas.posts import Owed


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """What is judged of a post; topics most central first, `department` "" where none is said."""

    topics: tuple[str, ...]
    owed: Owed
    danger: bool
    department: str = ""


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's labels for one stored post; equal to `was` where they confirm the tags.

    `was`, `rules_version`, `model_version`: the tags that were judged. `note` stays in the store.
    """

    source: str
    post_id: str
    counted_at: datetime
    at: datetime
    operator: str
    said: Labels
    was: Labels
    rules_version: str
    model_version: str
    note: str = ""

    @property
    def agrees(self) -> bool:
        return self.said == self.was


class TagChange(msgspec.Struct, frozen=True, kw_only=True):
    """Posts counted from `since` on are tagged by these versions as of `at`.

    `posts` were tagged again, of which `changed` got other tags; both 0 where only what comes
    after `at` is tagged so.
    """

    at: datetime
    since: datetime
    rules_version: str
    model_version: str
    posts: int = 0
    changed: int = 0
    operator: str = ""
