"""Words of posts and letters: our segmenter against jieba 0.42.1, in one run.

Texts of one's own come from a CSV with title and body. Rates are by the processor's time.
Example: python -m bench.segmenting --texts letters.csv
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from time import process_time

from rich.console import Console

from analyzers.segment import Segmenter, fold
from bench.tables import print_table, versions
from bench.town_posts import town_letters, town_posts

ROUNDS = 5
POSTS = 2_000
LARGEST_FIELD = 10_000_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--texts", type=Path, nargs="*", default=[], metavar="CSV")
    asked = options.parse_args()
    towns = [
        (f"town, {name}", [f"{post.title}\n{post.body}" for post in posts])
        for name, posts in (("posts", town_posts(POSTS)), ("letters", town_letters(POSTS // 5)))
    ]
    ours, theirs = Segmenter("rjieba"), Segmenter("jieba")
    rows = [
        compared(name, [fold(text) for text in texts], ours, theirs)
        for name, texts in (*towns, *((path.stem, list(read_texts(path))) for path in asked.texts))
    ]
    Console().print(versions("rjieba", "jieba"))
    columns = ("texts", "texts", "signs", "MB/s", "jieba MB/s", "ratio", "token F1", "equal texts")
    print_table("Words, one core, against jieba", columns, rows)


def read_texts(path: Path) -> Iterator[str]:
    """What stands under title and body."""
    csv.field_size_limit(LARGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield f"{row.get('title') or ''}\n{row.get('body') or ''}"


def compared(name: str, texts: Sequence[str], ours: Segmenter, theirs: Segmenter) -> list[object]:
    size = sum(len(text.encode()) for text in texts) / 1e6
    found, told = seconds(texts, ours), seconds(texts, theirs)
    signs = sum(map(len, texts)) / len(texts)
    score, equal = agreement(texts, ours, theirs)
    return [
        name,
        f"{len(texts):,}",
        f"{signs:.0f}",
        f"{size / found:.1f}",
        f"{size / told:.2f}",
        f"{told / found:.1f}",
        f"{score:.2%}",
        f"{equal:.1%}",
    ]


def seconds(texts: Sequence[str], segmenter: Segmenter) -> float:
    """Of the fastest round."""
    taken = []
    for _ in range(ROUNDS):
        started = process_time()
        for text in texts:
            segmenter.cut(text)
        taken.append(process_time() - started)
    return min(taken)


def agreement(texts: Sequence[str], ours: Segmenter, theirs: Segmenter) -> tuple[float, float]:
    """F1 of the words' places against jieba's, and the share of texts that are cut alike."""
    common = cut = alike = 0
    for text in texts:
        found, told = spans(ours.cut(text)), spans(theirs.cut(text))
        common += len(found & told)
        cut += len(found) + len(told)
        alike += found == told
    return 2 * common / cut, alike / len(texts)


def spans(words: Sequence[str]) -> set[tuple[int, int]]:
    ends = list(accumulate(map(len, words)))
    return set(zip([0, *ends], ends, strict=False))


if __name__ == "__main__":
    main()
