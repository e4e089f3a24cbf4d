"""A text in, the canonical names of the units it speaks of out. Called by the tagger.

Longer names win over shorter ones inside them; a name of up to three characters counts only where
the segmenter sees it as a word, so that 一中 is not found in 一中午.
"""

from collections.abc import Sequence

from ahocorasick_rs import AhoCorasick, MatchKind

from analyzers.segment import Segmenter, fold
from runtime.config import Unit

SHORT = 3
_NUMERALS = frozenset("0123456789零〇一二三四五六七八九十百")


class UnitFinder:
    def __init__(self, units: Sequence[Unit], segmenter: Segmenter) -> None:
        owners = {fold(name): unit.name for unit in units for name in (unit.name, *unit.aliases)}
        self._names = [name for name in owners if name.strip()]
        self._owners = [owners[name] for name in self._names]
        self._search = (
            AhoCorasick(self._names, matchkind=MatchKind.LeftmostLongest) if self._names else None
        )
        self._segmenter = segmenter

    def find(self, text: str) -> tuple[str, ...]:
        """Canonical names in a folded text, in order of first appearance; () without units."""
        if self._search is None:
            return ()
        found = self._search.find_matches_as_indexes(text)
        short = any(end - start <= SHORT for _, start, end in found)
        words = set(self._segmenter.spans(text)) if short else set()
        names: dict[str, None] = {}
        for index, start, end in found:
            if _counted_on(text, start) or (end - start <= SHORT and (start, end) not in words):
                continue
            names[self._owners[index]] = None
        return tuple(names)


def _counted_on(text: str, start: int) -> bool:
    """一中 after 十 is another school: the number before it goes on."""
    return start > 0 and text[start] in _NUMERALS and text[start - 1] in _NUMERALS
