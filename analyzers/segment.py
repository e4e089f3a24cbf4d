"""Chinese text in, words out: the one file that knows jieba's engines.

`rjieba` (Rust) is the default and `jieba` the reference; they differ only around runs of ASCII.
Called by the rules, the unit finder and the classifier.
"""

import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

Engine = Literal["rjieba", "jieba"]


def fold(text: str) -> str:
    """The form in which words are looked for: half width, lower case; its positions are its own."""
    return unicodedata.normalize("NFKC", text).lower()


class Segmenter:
    """Cuts a text into words; nothing is dropped, so the words joined are the text again.

    `words` (unit names, quoted rule words) are added, just likely enough to be kept whole.
    """

    def __init__(self, engine: Engine = "rjieba", words: Iterable[str] = ()) -> None:
        load = _load_jieba if engine == "jieba" else _load_rjieba
        self._cut = load(sorted(set(words)))

    def cut(self, text: str) -> list[str]:
        return self._cut(text)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each word."""
        end = 0
        for word in self._cut(text):
            start = text.find(word, end)
            if start >= 0:
                end = start + len(word)
                yield start, end


def _load_rjieba(words: list[str]) -> Callable[[str], list[str]]:
    import rjieba

    engine = rjieba.Jieba()
    for word in words:
        engine.add_word(word, None, None)
    cut: Callable[[str], list[str]] = engine.cut
    return cut


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
