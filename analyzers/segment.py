"""Chinese text in, words out: the one file that knows jieba's engines.

`rjieba` (Rust) is the default and `jieba` the reference; they differ only around runs of ASCII.
Called by the rules, the unit finder and the classifier.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from runtime.text import compatible

Engine = Literal["rjieba", "jieba"]


def fold(text: str) -> str:
    """The form in which words are looked for: half width, lower case; its positions are its own."""
    return compatible(text).lower()


class Segmenter:
    """Cuts a text into words; nothing is dropped, so the words joined are the text again.

    `words` (unit names, quoted rule words) are added, just likely enough to be kept whole.
    """

    def __init__(self, engine: Engine = "rjieba", words: Iterable[str] = ()) -> None:
        if engine == "jieba":
            self._cut, self._tagging = _load_jieba(sorted(set(words))), _load_rjieba([])
        else:
            self._tagging = _load_rjieba(sorted(set(words)))
            self._cut = self._tagging.cut

    def cut(self, text: str) -> list[str]:
        return self._cut(text)

    def part_of_speech(self, word: str) -> str:
        """In jieba's letters (ns: a place, nr: a name, r: a pronoun).

        "" for words that were added, and for what is not one word.
        """
        found = self._tagging.tag(word)
        return str(found[0][1]) if len(found) == 1 else ""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each word."""
        end = 0
        for word in self._cut(text):
            start = text.find(word, end)
            if start >= 0:
                end = start + len(word)
                yield start, end


def _load_rjieba(words: list[str]) -> Any:
    import rjieba

    engine = rjieba.Jieba()
    for word in words:
        engine.add_word(word, None, None)
    return engine


def _load_jieba(words: list[str]) -> Callable[[str], list[str]]:
    with warnings.catch_warnings():
        # jieba 0.42.1 has escapes that Python warns about when it first compiles the file.
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel("WARNING")
    engine = jieba.Tokenizer()
    engine.initialize()
    for word in words:
        engine.add_word(word)
    cut: Callable[[str], list[str]] = engine.lcut
    return cut
