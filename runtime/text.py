"""Text on one line, and normalised for comparing; runtime/mask.py takes out numbers of people."""

import re
import unicodedata

_SPACE = re.compile(r"\s+")
_NOT_WORD = re.compile(r"[\W_]+")
# The full-width marks of nearly every text, as NFKC has them.
_WIDE = tuple(zip("，？！：；（）", ",?!:;()", strict=True))


def squeeze(text: str) -> str:
    """One line with single spaces, without what no store takes (lone surrogates, NUL)."""
    cleaned = text.encode("utf-8", "ignore").decode().replace("\x00", "")
    return _SPACE.sub(" ", cleaned).strip()


def compatible(text: str) -> str:
    """NFKC. A text that only has to be looked through takes a fifth of the time."""
    for wide, narrow in _WIDE:
        text = text.replace(wide, narrow)
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def normalise(text: str) -> str:
    """The form in which two copies of a text are equal: NFKC, lower case, letters and digits."""
    return _NOT_WORD.sub("", compatible(text).lower())
