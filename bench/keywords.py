"""Rule words looked for in posts: Aho-Corasick and the rule book against an `in` loop, in one run.

Words are those of the shipped rules, then pairs of them. Rates are by the processor's time, which
other work on the machine changes little. Example: python -m bench.keywords
"""

import random
from collections.abc import Callable, Sequence
from time import process_time

from ahocorasick_rs import AhoCorasick

from analyzers.keywords import BODY_READ, RuleBook
from analyzers.reading import Reading, read
from analyzers.rule_syntax import Group, parse_files
from analyzers.segment import Segmenter
from bench.tables import print_table, versions
from bench.town_posts import town_posts
from runtime.config import RuleFile, RuleLine
from runtime.settings import SHIPPED, load_config

POSTS = 2_000
ROUNDS = 5
SIZES = (500, 20_000)
# Posts for the `in` loop, which takes its time.
FEW = 100
GROUPS_A_FILE, WORDS_A_GROUP = 20, 25


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest round."""
    seconds = []
    for _ in range(ROUNDS):
        started = process_time()
        work()
        seconds.append(process_time() - started)
    return min(seconds)


def shipped_files() -> list[RuleFile]:
    config = load_config(SHIPPED)
    return [config.danger, *config.owed, *(topic.rules for topic in config.topics)]


def rule_words(files: Sequence[Sequence[Group]], count: int) -> list[str]:
    """The same words for the same count."""
    chosen = random.Random(1)
    terms = (term for groups in files for group in groups for term in group.terms())
    known = sorted({term.text for term in terms if not (term.regex or term.near)})
    words = set(chosen.sample(known, min(count, len(known))))
    while len(words) < count:
        words.add("".join(chosen.sample(known, 2)))
    return sorted(words)


def files_of(words: Sequence[str]) -> list[RuleFile]:
    """As users write them: some lines a group, some groups a file."""
    size = GROUPS_A_FILE * WORDS_A_GROUP
    files = []
    for number, start in enumerate(range(0, len(words), size)):
        lines: list[str] = []
        for place, word in enumerate(words[start : start + size]):
            lines += [word] if place % WORDS_A_GROUP else ["", word]
        made = tuple(RuleLine(number=n, text=text) for n, text in enumerate(lines, 1))
        files.append(RuleFile(path=f"topics/{number}.txt", lines=made))
    return files


def matched(book: RuleBook, readings: Sequence[Reading]) -> float:
    return best(lambda: [book.match(each) for each in readings]) / len(readings)


def row(words: Sequence[str], readings: Sequence[Reading]) -> list[object]:
    texts = [each.text[: each.title_end + 1 + BODY_READ] for each in readings]
    size = sum(len(text.encode()) for text in texts)
    files = files_of(words)
    rebuilt = best(lambda: RuleBook(parse_files(files)))
    search = AhoCorasick(list(words))
    found = best(lambda: [search.find_matches_as_indexes(t, overlapping=True) for t in texts])
    loop = best(lambda: [[word for word in words if word in t] for t in texts[:FEW]]) / FEW
    each = matched(RuleBook(parse_files(files)), readings)
    return [
        f"{len(words):,}",
        f"{size / found / 1e6:.0f}",
        f"{size / len(texts) / loop / 1e6:.1f}",
        f"{1 / each:,.0f}",
        f"{1 / loop:,.0f}",
        f"{loop / each:.0f}",
        f"{rebuilt:.2f}",
    ]


def main() -> None:
    segmenter = Segmenter()
    readings = [read(post.title, post.body, segmenter) for post in town_posts(POSTS)]
    rules = shipped_files()
    files = parse_files(rules)
    columns = ["words", "AC MB/s", "loop MB/s", "rules posts/s", "loop posts/s", "ratio"]
    rows = [row(rule_words(files, size), readings) for size in SIZES]
    title = f"Words in {POSTS:,} posts of the sample town ({versions('ahocorasick-rs')})"
    print_table(title, [*columns, "rebuild s"], rows)
    terms = [term for groups in files for group in groups for term in group.terms()]
    book = RuleBook(files)
    cells = (
        f"{len({term for term in terms if not term.regex}):,}",
        len({term for term in terms if term.regex}),
        sum(map(len, files)),
        f"{matched(book, readings) * 1e6:.0f}",
        f"{best(lambda: RuleBook(parse_files(rules))):.2f}",
    )
    columns = ["words", "patterns", "groups", "µs a post", "rebuild s"]
    print_table("The shipped rules", columns, [cells])


if __name__ == "__main__":
    main()
