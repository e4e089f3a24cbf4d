"""A long text in, its pieces out: letters tell of danger in half a sentence, which the rest drowns.

Called by tag.py, which weighs the pieces where the whole leaves doubt, and by train.py.
"""

import re
from collections.abc import Iterator
from itertools import chain
from math import sqrt

from analyzers.features import TITLE_READ

# About as long as a post, of which more is known: of so many characters, or to the next full stop.
SIZE = 90
MOST_READ = 1000
# Danger that is less likely than this, by the whole text, is not looked for in its pieces, nor what
# is sure without them.
DOUBTED, SURE = 0.03, 0.9
_SENTENCE = re.compile(r"[^。！？!?；;\n]*[。！？!?；;\n]?")


def has_pieces(title: str, body: str) -> bool:
    """Less than two pieces are not drowned by each other."""
    return len(title) + len(body) >= 2 * SIZE


def pieces(title: str, body: str) -> list[str]:
    """The title and the body, sentence by sentence, short ones together and long ones cut."""
    found, held = [], ""
    for part in _parts(f"{title[:TITLE_READ]}\n{body}"[:MOST_READ]):
        if held and len(held) + len(part) > SIZE:
            found.append(held)
            held = ""
        held += part
    return [*found, held] if held else found


def _parts(text: str) -> Iterator[str]:
    sentences = (sentence.strip() for sentence in _SENTENCE.findall(text))
    return chain.from_iterable(
        (sentence[start : start + SIZE] for start in range(0, len(sentence), SIZE))
        for sentence in sentences
    )


def together(whole: float, piece: float) -> float:
    """Two probabilities, of the whole text and of its most dangerous piece, as one: by the
    geometric mean of their odds, which is the mean of the scores that they stand for."""
    for_it, against = sqrt(whole * piece), sqrt((1 - whole) * (1 - piece))
    return for_it / (for_it + against) if for_it + against else 0.5
