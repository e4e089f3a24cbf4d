"""What a foreign statement may be: one SELECT of our tables and nothing of the machine. Pure."""

import re
from collections.abc import Sequence

TOKENS = re.compile(
    r"""
    (?P<text>'(?:[^'\\]|\\.|'')*') | (?P<comment>--[^\n]*|\#[^\n]*|/\*.*?\*/)
    | (?P<quoted>"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`) | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<space>\s+) | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
OPENERS = frozenset({"select", "with", "show", "describe", "desc", "explain", "exists"})
# readonly = 1 stops writing and most table functions, but not these (the scalar file(), for one).
OUTSIDE = frozenset(
    re.findall(
        r"\w+",
        """
    file files url urlcluster s3 s3cluster gcs azureblobstorage hdfs remote remotesecure cluster
    clusterallreplicas mysql postgresql mongodb redis sqlite odbc jdbc executable input python
    deltalake iceberg hudi ytsaurus arrowflight sleep sleepeachrow
""",
    )
)
WORDS = frozenset({"outfile", "infile", "settings", "format"})


class SqlRefused(Exception):
    """The statement is not one that may be asked: finding and remedy."""


def check_select(sql: str) -> str:
    """The statement without a closing semicolon; raises SqlRefused with finding and remedy."""
    statement = sql.strip().rstrip(";").rstrip()
    code = [
        (str(found.lastgroup), found.group())
        for found in TOKENS.finditer(statement)
        if found.lastgroup not in ("comment", "space")
    ]
    problem = _problem(code)
    if problem:
        raise SqlRefused(problem)
    return statement


def _problem(code: Sequence[tuple[str, str]]) -> str | None:
    if not code:
        return "the statement is empty; write a SELECT"
    if code[0][1].lower() not in OPENERS:
        return f"{code[0][1]!r} is not allowed here; only SELECT (or SHOW, DESCRIBE) is"
    for (kind, text), (_, after) in zip(code, [*code[1:], ("", "")], strict=True):
        name = _name(kind, text)
        if text == ";":
            return "more than one statement; send them one by one"
        if name in OUTSIDE and after == "(":
            return f"{name}() reaches outside the store; ask for our own tables only"
        if name in WORDS:
            return f"{name.upper()} is not allowed here; take it out"
    return None


def _name(kind: str, text: str) -> str:
    """The word a token names; a quoted identifier is the same function as the bare one."""
    if kind == "quoted":
        return text[1:-1].lower()
    return text.lower() if kind == "word" else ""
