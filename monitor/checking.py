"""`huisheng check`: a config folder read whole, its rules tried on recent posts, the findings told.

The posts come from a file, from the running process, or from the store if nothing runs on it.
"""

import csv
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from analyzers.findings import Finding, Kind, Level
from analyzers.lint import lint
from analyzers.rule_use import FEWEST_POSTS, Text
from analyzers.tag import load_tagger
from monitor.asking import FORMATS, ask_running
from monitor.lines import BadLines, read_posts
from monitor.report import wide_console
from monitor.runfile import DataFolder, running
from monitor.wiring import connect_store
from runtime.config import Config
from runtime.errors import ConfigError, RetryLater
from storage.readonly import check_select
from storage.store import StoreError

MOST_POSTS = 5_000
# In the order of the key, from its end: nothing else of a large table is read.
RECENT = """
SELECT title, substringUTF8(body, 1, 1000) AS body FROM posts
ORDER BY toStartOfHour(counted_at) DESC, source DESC, id DESC
LIMIT 5000
"""
# Of one kind, unless all are asked for; errors are always all told.
FEW = 5
LEVELS: dict[Level, tuple[str, str]] = {
    "error": ("错误 error", "red"),
    "warning": ("警告 warning", "yellow"),
    "hint": ("提示 hint", "dim"),
}
KINDS: dict[Kind, str] = {
    "conflict": "自相矛盾 conflicts",
    "impossible": "写了也碰不上 can't match",
    "wide": "太宽 matches too much",
    "trap": "易误中 parts of other words",
    "twice": "重复 said twice",
    "ambiguous": "两个主题都重 heavy in two topics",
    "unused": "近期没有用上 unused on recent posts",
    "superfluous": "多余 superfluous",
}


@dataclass(frozen=True)
class Asked:
    """`recent`: a file of posts; `strict`: warnings fail too; `verbose`: all findings are told."""

    recent: Path | None = None
    strict: bool = False
    verbose: bool = False


def check(config: Config, asked: Asked) -> int:
    """1 for errors in the rules or bad lines of posts; raises ConfigError when nothing can run."""
    tagger = load_tagger(config)
    unusable = tagger.problem
    if unusable:
        sys.stderr.write(f"{unusable}\n")
    bad = BadLines(str(asked.recent))
    posts = list(_from_file(asked.recent, bad)) if asked.recent else _stored(config)
    findings = lint(config, posts or ())
    levels = Counter(finding.level for finding in findings)
    console = wide_console()
    console.print(_heading(config, levels["error"]))
    console.print(_told_of(posts, asked.recent))
    if tagger.new_words:
        console.print(_told_new(tagger.new_words))
    if findings:
        _print_files(console, findings)
        _print_kinds(console, findings, asked.verbose)
    failed = levels["error"] or unusable or bad.count or (asked.strict and levels["warning"])
    return 1 if failed else 0


def _heading(config: Config, errors: int) -> str:
    numbers = f"{len(config.sources)} sources, {len(config.units)} units"
    verdict = f"{errors} errors in the rules" if errors else "ok"
    return f"{config.directory}: {verdict} — {numbers}, {len(config.topics)} topics"


def _told_of(posts: Sequence[Text] | None, file: Path | None) -> str:
    if posts is None:
        return (
            "近期帖子 recent posts: 没有 none；以帖子检查 to try the rules on some: --recent FILE"
        )
    told = f"近期帖子 recent posts: {len(posts)}（{file or '数据库 store'}）"
    few = f"；不足 {FEWEST_POSTS} 帖，不试规则 too few to try the rules on"
    return told + (few if len(posts) < FEWEST_POSTS else "")


def _told_new(words: Sequence[str]) -> str:
    listed = "、".join(words[:FEW]) + ("…" if len(words) > FEW else "")
    count = len(words)
    told = f"模型不认识的词 words that the model does not know: {count}（{listed}）"
    return f"{told}：都由规则说了算，直到重新训练 they decide until `huisheng train` fits it anew"


def _print_files(console: Console, findings: Sequence[Finding]) -> None:
    counts = Counter((_file(finding), finding.level) for finding in findings)
    table = Table("文件 file", *(name for name, _ in LEVELS.values()))
    for file in dict.fromkeys(map(_file, findings)):
        table.add_row(file, *(str(counts[file, level] or "-") for level in LEVELS))
    console.print(table)


def _file(finding: Finding) -> str:
    return finding.place.rpartition(":")[0]


def _print_kinds(console: Console, findings: Sequence[Finding], verbose: bool) -> None:
    hidden = 0
    for kind, name in KINDS.items():
        found = [finding for finding in findings if finding.kind == kind]
        told = found if verbose else _most_telling(found)
        hidden += len(found) - len(told)
        if found:
            console.print(f"\n{name}（{len(found)}）", style="bold")
        for each in told:
            level, style = LEVELS[each.level]
            console.print(f"  {level}", style=style, end="  ")
            console.print(f"{each.place}: {each.finding}; {each.remedy}")
    if hidden:
        console.print(f"\n另有 {hidden} 条未列出 more are not listed: --verbose")


def _most_telling(findings: Sequence[Finding]) -> list[Finding]:
    errors = [finding for finding in findings if finding.level == "error"]
    warnings = [finding for finding in findings if finding.level == "warning"]
    return [*errors, *warnings[:FEW]]


def _from_file(path: Path, bad: BadLines) -> Iterable[Text]:
    """The last MOST_POSTS of a file; raises ConfigError if it can't be read."""
    try:
        read = _from_csv if path.suffix.lower() == ".csv" else _from_lines
        return deque(read(path, bad), maxlen=MOST_POSTS)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        remedy = "give post objects as JSON lines, or a CSV with title and body, in UTF-8"
        message = f"{path}: can't be read ({error}); {remedy}"
        raise ConfigError(message) from error


def _from_lines(path: Path, bad: BadLines) -> Iterator[Text]:
    with path.open("rb") as lines:
        for _, text in read_posts(lines, Text, {}, bad):
            yield text


def _from_csv(path: Path, bad: BadLines) -> Iterator[Text]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        columns = rows.fieldnames or ()
        if not {"title", "body"} & set(columns):
            finding = f"{path}:1: has no column title or body, but {', '.join(columns) or 'none'}"
            message = f"{finding}; name them so in the first line"
            raise ConfigError(message)
        for row in rows:
            yield Text(row.get("title") or "", row.get("body") or "")


def _stored(config: Config) -> list[Text] | None:
    """The last posts of the user's own store; None if there is none, or it can't be read."""
    try:
        answer = _ask(config)
    except (ConfigError, RetryLater, StoreError, OSError) as error:
        sys.stderr.write(f"recent posts: {error}\n")
        return None
    if answer is None:
        return None
    return [msgspec.json.decode(line, type=Text) for line in answer.splitlines()]


def _ask(config: Config) -> bytes | None:
    """As it is: a look at the rules brings no table up to date."""
    settings, form = config.settings, FORMATS["jsonl"]
    with ExitStack() as stack:
        if not settings.store_dsn.startswith("http"):
            if run := running(settings.data.dir):
                asked = {"sql": check_select(RECENT), "format": form}
                return ask_running(run, "/sql", msgspec.json.encode(asked))
            if not (settings.data.dir / "store").is_dir():
                return None
            stack.callback(DataFolder(settings.data.dir).close)
        store = connect_store(settings)
        stack.callback(store.close)
        return store.ask(check_select(RECENT), form)
