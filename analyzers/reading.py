"""A post's text made ready once, for all that look at it: folded, and cut into words when asked."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from analyzers.segment import Segmenter, fold


@dataclass
class Reading:
    """`text` is title, line break, body, folded; the body starts at `title_end` + 1."""

    text: str
    title_end: int
    segmenter: Segmenter
    # Not cached_property: its lock takes longer than many a rule.
    _words: list[str] | None = field(default=None, init=False)
    _ends: list[int] | None = field(default=None, init=False)

    @property
    def words(self) -> list[str]:
        """The words of the text; joined they are the text again."""
        if self._words is None:
            self._words = self.segmenter.cut(self.text)
        return self._words

    @property
    def ends(self) -> list[int]:
        """Where each word ends in the text."""
        if self._ends is None:
            self._ends = list(accumulate(map(len, self.words)))
        return self._ends

    @cached_property
    def spans(self) -> set[tuple[int, int]]:
        """Start and end of each word."""
        return set(zip([0, *self.ends], self.ends, strict=False))


def read(title: str, body: str, segmenter: Segmenter) -> Reading:
    head = fold(title)
    return Reading(f"{head}\n{fold(body)}", len(head), segmenter)
