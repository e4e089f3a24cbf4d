"""All tags of a post: our tagger against what one writes with jieba and scikit-learn, in one run.

Rates are by the processor's time, which other work on the machine changes little.
Example: python -m bench.tagging --posts 2000
"""

import argparse
import cProfile
import pstats
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

from rich.console import Console

from analyzers.classify import Model
from analyzers.model_files import folder_of, load
from analyzers.tag import AT_ONCE, Tagger, load_tagger
from bench.plain import Plain
from bench.tables import print_table, versions
from bench.town_posts import town_letters, town_posts
from demo.town import CONFIG
from runtime.config import Config
from runtime.settings import load_config
from schemas.posts import Post

ROUNDS = 5
# What plain code takes one by one is measured on fewer posts.
FEW = 200
# Part, file and function; the words are cut when the rules first ask for them.
PARTS = (
    ("fold", "segment.py", "fold"),
    ("cut", "segment.py", "cut"),
    ("rules", "keywords.py", "match"),
    ("units", "units.py", "find"),
    ("features", "features.py", "extract"),
    ("signals", "signals.py", "read"),
    ("scores", "classify.py", "score"),
    ("decisions", "decisions.py", "decide"),
    ("story", "stories.py", "story_of"),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--posts", type=int, default=2_000)
    asked = options.parse_args()
    config = load_config(CONFIG)
    tagger = load_tagger(config)
    console = Console()
    packages = ("numpy", "rjieba", "ahocorasick-rs", "jieba", "scikit-learn")
    console.print(versions(*packages), soft_wrap=True)
    if tagger.model_version:
        console.print(f"classifier {tagger.model_version}, loaded in {loading(config):.2f} s")
    else:
        console.print(f"without a classifier: {tagger.problem or 'analyze.model is none'}")
    town, letters = town_posts(asked.posts), town_letters(asked.posts // 5)
    plain = Plain(config, town, tagger.tag_many(town))
    rows = [
        row
        for name, posts in (("posts", town), ("letters", letters))
        for row in compared(name, posts, tagger, plain)
    ]
    heads = ("what", "signs", "at once", "posts/s", "plain posts/s", "ratio")
    print_table("Tags, one core, against jieba and scikit-learn", heads, rows)
    rows = [
        broken_down(name, posts, tagger) for name, posts in (("posts", town), ("letters", letters))
    ]
    columns = ("µs a post", *(part for part, _, _ in PARTS), "rest", "all")
    print_table(f"Where the time goes, {AT_ONCE} at once (shares by the profiler)", columns, rows)


def loading(config: Config) -> float:
    """Seconds, of the model alone."""
    folder = folder_of(config.settings.analyze.model)
    if folder is None:
        return 0.0
    started = process_time()
    arrays, card = load(folder)
    Model.of(arrays, card.fields())
    return process_time() - started


def compared(name: str, posts: Sequence[Post], tagger: Tagger, plain: Plain) -> list[list[object]]:
    signs = sum(len(post.title) + len(post.body) for post in posts) / len(posts)
    rows: list[list[object]] = []
    for size in (AT_ONCE, 1):
        few = posts[: FEW * (1 if size == 1 else 5)]
        ours, theirs = rate(tagger.tag_many, posts, size), rate(plain.tag_many, few, size)
        cells = (f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.1f}")
        rows.append([name, f"{signs:.0f}", size, *cells])
    return rows


def rate(tag: Callable[[Sequence[Post]], object], posts: Sequence[Post], size: int) -> float:
    """Posts a second in the fastest round."""
    batches = [posts[start : start + size] for start in range(0, len(posts), size)]
    seconds = []
    for _ in range(ROUNDS):
        started = process_time()
        for batch in batches:
            tag(batch)
        seconds.append(process_time() - started)
    return len(posts) / min(seconds)


def broken_down(name: str, posts: Sequence[Post], tagger: Tagger) -> list[object]:
    each = 1e6 / rate(tagger.tag_many, posts, AT_ONCE)
    profile = cProfile.Profile()
    profile.runcall(tagger.tag_many, posts)
    # pstats leaves its table without types.
    found: dict[tuple[str, int, str], Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in found.values())
    spent = {part: seconds(found, file, function) for part, file, function in PARTS}
    spent["rules"] -= spent["cut"]
    spent["rest"] = total - sum(spent.values())
    return [name, *(f"{each * share / total:.0f}" for share in spent.values()), f"{each:.0f}"]


def seconds(found: dict[tuple[str, int, str], Any], file: str, function: str) -> float:
    """With all that it calls; of two with the same name, the one that calls the other."""
    return max(
        (
            float(figures[3])
            for (path, _, name), figures in found.items()
            if path.endswith(f"analyzers/{file}") and name == function
        ),
        default=0.0,
    )


if __name__ == "__main__":
    main()
