"""Rule files as users write them in, groups of terms out; bad lines are told all at once.

`word`, `+word`, `!word`, `/regex/`, `=> label`, `[name]`, `# note`, `@5`, `[GLOBAL_FILTER]`: as
TrendRadar has them. Read by the matcher (keywords.py) and the linter, so that neither reads text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzers.rule_patterns import blows_up as blows_up
from analyzers.segment import fold
from runtime.config import RuleFile
from runtime.errors import ConfigError
from runtime.settings import ConfigProblems

EVERY_GROUP = "*"
FILTER_SECTION, GROUP_SECTION = "GLOBAL_FILTER", "WORD_GROUPS"

Where = Literal["", "title", "body"]
_FIELDS: dict[str, Where] = {"title": "title", "标题": "title", "body": "body", "正文": "body"}

# What a line says of all its terms: weight, label, its number.
_Said = tuple[float, str, int]

_WEIGHT = re.compile(r"\s*\^(\d+(?:\.\d+)?)$")
_FIELD = re.compile(r"(title|标题|body|正文)\s*[:：]\s*", re.IGNORECASE)
_REGEX = re.compile(r"/(.*)/[a-z]*")
_BESIDE = re.compile(r"(?:^|\|)\s*/.+/[a-z]*\s*(?:\||$)")
_CLOSED = re.compile(r"/.+/[a-z]*\s*(?:\^\d+(?:\.\d+)?)?")
_NEAR = re.compile(r"(?:^|\s)[~～]\s*(\d+)(?=\s|$)")
_LIMIT = re.compile(r"@\s*\d+")
_FULL_WIDTH = "，！？；：（）"


@dataclass(frozen=True)
class Term:
    """What is looked for; two are equal if they look for the same.

    `text` is the folded word, the pattern, or, if there are `near` stops, the chain as written.
    `whole`: only where the segmenter sees a word. `label` is shown in place of what was met.
    """

    text: str
    whole: bool = False
    regex: bool = False
    near: tuple["Stop", ...] = ()
    where: Where = ""
    weight: float = field(default=1.0, compare=False)
    label: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Stop:
    """One stop of a chain: any of `words`, at most `within` characters from the stop before."""

    words: tuple[Term, ...]
    within: int


@dataclass
class Group:
    """Rules up to a blank line: a post matches with a `plain` term, one of each `required` choice,
    and none of `excluded`; a term of `guards` makes hits in its own clause void.

    The lines under [*] and the words of the global filter stand in every group of the file, with
    the lines that they come from. `limit_line` is that of an `@5`, which has no effect here.
    """

    name: str = ""
    line: int = 0
    plain: list[Term] = field(default_factory=list)
    required: list[tuple[Term, ...]] = field(default_factory=list)
    excluded: list[Term] = field(default_factory=list)
    guards: list[Term] = field(default_factory=list)
    limit_line: int = 0

    @property
    def empty(self) -> bool:
        return not (self.plain or self.required or self.excluded or self.guards)

    def terms(self) -> Iterator[Term]:
        yield from self.plain
        for choice in self.required:
            yield from choice
        yield from self.excluded
        yield from self.guards


def parse_rules(file: RuleFile) -> tuple[Group, ...]:
    """The groups of one file, which matches if any of them does.

    Raises ConfigProblems, a line each: path:line: finding; remedy.
    """
    return parse_files([file])[0]


def parse_files(files: Iterable[RuleFile]) -> list[tuple[Group, ...]]:
    """Each file's groups. Raises ConfigProblems with the bad lines of all files together."""
    readers = [_Reader(file) for file in files]
    if problems := [problem for reader in readers for problem in reader.problems]:
        raise ConfigProblems(problems)
    return [reader.merged() for reader in readers]


def quoted_words(groups: Sequence[Group]) -> Iterator[str]:
    """Words that the segmenter has to know."""
    for group in groups:
        for term in group.terms():
            for word in (term, *(word for stop in term.near for word in stop.words)):
                if word.whole:
                    yield word.text


class _Reader:
    """Reads one file; goes on after a bad line, so that all of them are told."""

    def __init__(self, file: RuleFile) -> None:
        self._path = file.path
        self._groups = [Group()]
        self._filters: list[Term] = []
        self._filtering = False
        # What else is wrong with a group may only be what its bad line lacks.
        self._broken: set[int] = set()
        self._found: list[tuple[int, str]] = []
        for line in file.lines:
            try:
                self._read(line.text.strip(), line.number)
            except ConfigError as error:
                self._found.append((line.number, str(error)))
                self._broken.add(len(self._groups) - 1)
        for number, group in enumerate(self._groups):
            if number not in self._broken and (problem := _group_problem(group)):
                self._found.append((group.line, problem))

    @property
    def problems(self) -> list[str]:
        return [f"{self._path}:{line}: {problem}" for line, problem in sorted(self._found)]

    def merged(self) -> tuple[Group, ...]:
        """The groups, each with what holds for all of them."""
        filled = [group for group in self._groups if not group.empty]
        own = [group for group in filled if group.name != EVERY_GROUP]
        for group in own:
            for common in (each for each in filled if each.name == EVERY_GROUP):
                group.required += common.required
                group.excluded += common.excluded
                group.guards += common.guards
            group.excluded += self._filters
        return tuple(own)

    def _read(self, text: str, line: int) -> None:
        if not text or (len(text) > 1 and text[0] == "[" and text[-1] == "]"):
            self._begin(text[1:-1].strip(), line if text else 0)
        elif text.startswith("#"):
            return
        elif text[0] == "@" and _LIMIT.fullmatch(text):
            self._groups[-1].limit_line = line
        elif self._filtering:
            if text[0] in "+!-":
                finding = f"{text[0]} has no meaning under [{FILTER_SECTION}]"
                raise _bad(finding, "write the word alone: posts with it match no group")
            self._filters += _rule(text, line)[1]
        else:
            self._groups[-1].line = self._groups[-1].line or line
            _add(self._groups[-1], *_rule(text, line))

    def _begin(self, name: str, line: int) -> None:
        section = name.upper()
        misplaced = self._filtering and name and section not in (FILTER_SECTION, GROUP_SECTION)
        if name:
            self._filtering = section == FILTER_SECTION
        named = section not in (FILTER_SECTION, GROUP_SECTION)
        self._groups.append(Group(name, line) if named else Group())
        if misplaced:
            finding = f"the group [{name}] stands under [{FILTER_SECTION}]"
            raise _bad(finding, f"write [{GROUP_SECTION}] above the first group")


def _bad(finding: str, remedy: str) -> ConfigError:
    return ConfigError(f"{finding}; {remedy}")


def _group_problem(group: Group) -> str:
    if group.empty:
        return ""
    if group.name == EVERY_GROUP and group.plain:
        finding = "a plain word under [*] would match every post that holds it"
        return f"{finding}; move it to a group of its own, below a blank line"
    if group.name != EVERY_GROUP and not (group.plain or group.required):
        finding = "the group has only ! or - words, so it can match nothing"
        return f"{finding}; add a word to look for, or put them under [*]"
    return ""


def _add(group: Group, sign: str, terms: tuple[Term, ...]) -> None:
    if sign == "+":
        group.required.append(terms)
    elif sign == "!":
        group.excluded += terms
    elif sign == "-":
        group.guards += terms
    else:
        group.plain += terms


def _rule(text: str, line: int) -> tuple[str, tuple[Term, ...]]:
    """The sign of a line, and its terms with what the line says of all of them."""
    rule, label = _labelled(text)
    found = _WEIGHT.search(rule) if "^" in rule else None
    rule = rule[: found.start()] if found else rule
    sign = rule[0] if rule and rule[0] in "+!-" else ""
    where, rule = _placed(rule[len(sign) :].strip(), "")
    weight = float(found[1]) if found else 1.0
    return sign, _terms(rule, where, (weight, label, line))


def _labelled(text: str) -> tuple[str, str]:
    """What stands before and after `=>`; one inside a pattern is no label."""
    for arrow in re.finditer("=>", text) if "=>" in text else ():
        rule = text[: arrow.start()].rstrip()
        bare = _placed(rule.lstrip("+!- "), "")[1]
        if not bare.startswith("/") or _CLOSED.fullmatch(bare):
            return rule, text[arrow.end() :].strip()
    return text, ""


def _placed(text: str, where: Where) -> tuple[Where, str]:
    found = _FIELD.match(text)
    return (_FIELDS[found[1].lower()], text[found.end() :]) if found else (where, text)


def _terms(text: str, where: Where, said: _Said) -> tuple[Term, ...]:
    if found := _REGEX.fullmatch(text):
        return (Term(_pattern(found[1]), False, True, (), where, *said),)
    first, *more = _NEAR.split(text) if "~" in text or "～" in text else (text,)
    if not more:
        return _words(text, where, said)
    lengths = [0, *map(int, more[::2])]
    words = [_words(part.strip(), where, said) for part in (first, *more[1::2])]
    stops = tuple(Stop(word, length) for word, length in zip(words, lengths, strict=True))
    return (Term(fold(text), False, False, stops, where, *said),)


def _words(text: str, where: Where, said: _Said) -> tuple[Term, ...]:
    if "/" in text and _BESIDE.search(text):
        finding = "a pattern stands beside words, where it would count as a word too"
        raise _bad(finding, "give it a line of its own, or write the words into it: /word|pattern/")
    return tuple(_word(part.strip(), where, said) for part in text.split("|"))


def _pattern(text: str) -> str:
    try:
        empty = re.compile(text, re.IGNORECASE).search("")
    except (re.error, OverflowError, RecursionError) as error:
        finding = f"/{text}/ is no valid pattern ({error})"
        raise _bad(finding, "mend it, or drop the / for a plain word") from None
    if any(sign in _FULL_WIDTH for sign in text):
        finding = f"/{text}/ has full-width signs, but rules see posts with half-width ones"
        raise _bad(finding, "write ? for ？, ( for （ and so on")
    if empty:
        finding = f"/{text}/ matches every text"
        raise _bad(finding, "name what must be there")
    if found := blows_up(text):
        finding = f"/{text}/ may never come to an end ({found})"
        raise _bad(finding, "write it with fewer of them, or as words with +, - or ~8")
    return text


def _word(text: str, where: Where, said: _Said) -> Term:
    where, text = _placed(text, where)
    whole = len(text) > 1 and text[0] in '"“' and text[-1] in '"”'
    word = fold(text[1:-1] if whole else text).strip()
    if not word:
        finding = "a word is missing here"
        raise _bad(finding, "write one, or delete the sign before it")
    return Term(word, whole, False, (), where, *said)
