"""A statement in ClickHouse's dialect cut into tokens, for readonly.py. Pure.

What engines read in ways that differ (typographic quotes, invisible spaces, escapes in names,
$-quotes) is refused, so that no name can be spelled past the check.
"""

import re
from dataclasses import dataclass

TOKENS = re.compile(
    r"""
    (?P<text>'(?:[^'\\]|\\.|'')*')
    | (?P<comment>--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
    | (?P<quoted>"[^"\\]*"|`[^`\\]*`)
    | (?P<word>[0-9A-Za-z_]+)
    | (?P<space>[ \t\n\r\f\v]+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
QUOTES = frozenset("'\"`")
STRAY_RETURN = re.compile(r"\r(?!\n)")


class SqlRefused(Exception):
    """The statement is not one that may be asked: finding and remedy."""


@dataclass(frozen=True)
class Token:
    """`name`: what a bare or quoted identifier names, in lower case; empty for all else."""

    kind: str
    text: str
    end: int

    @property
    def name(self) -> str:
        if self.kind == "quoted":
            return self.text[1:-1].lower()
        return self.text.lower() if self.kind == "word" else ""

    @property
    def word(self) -> str:
        """As `name`, for bare words alone: a quoted one is never a keyword."""
        return self.text.lower() if self.kind == "word" else ""


def tokens_of(sql: str) -> list[Token]:
    """The tokens without spaces and comments; raises SqlRefused where engines may differ."""
    if "\0" in sql or STRAY_RETURN.search(sql):
        message = "the statement holds a character that ends lines or texts; take it out"
        raise SqlRefused(message)
    found = [
        Token(str(match.lastgroup), match.group(), match.end()) for match in TOKENS.finditer(sql)
    ]
    code = [token for token in found if token.kind not in ("comment", "space")]
    for before, token in zip([None, *code], code, strict=False):
        _check(before, token)
    return code


def _check(before: Token | None, token: Token) -> None:
    message = ""
    if token.kind == "quoted" and before and before.kind == "quoted" and _doubled(before, token):
        message = f"{before.text}{token.text} doubles a quote in a name; use a plain name"
    elif token.kind != "other":
        return
    elif token.text in QUOTES:
        message = f"a quote {token.text} is not closed, or its name holds a \\; mend that name"
    elif not " " < token.text <= "~":
        message = (
            f"{token.text!r} stands outside of quotes; put it in '…' as a text, in `…` as a name"
        )
    elif token.text in "$\\":
        message = f"{token.text!r} is not allowed outside of quotes; quote texts with '…'"
    if message:
        raise SqlRefused(message)


def _doubled(before: Token, token: Token) -> bool:
    return before.end == token.end - len(token.text) and before.text[-1] == token.text[0]
