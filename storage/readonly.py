"""What a foreign statement may be: one SELECT of our tables and nothing of the machine. Pure.

The engine's own readonly mode stands behind it, but lets some through (the scalar file(), for one).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from storage.sql_tokens import SqlRefused as SqlRefused
from storage.sql_tokens import Token, tokens_of

OPENERS = frozenset(
    {"select", "with", "from", "(", "show", "describe", "desc", "explain", "exists"}
)
TABLE_FUNCTIONS = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "values", "view"}
    | {"generateseries", "generate_series"}
)
# Every other table function of the engines.
OUTSIDE = frozenset(
    re.findall(
        r"\w+",
        """
    sqlstandardvalues arrowstream azureblobstorage azureblobstoragecluster bigquery cluster
    clusterallreplicas cosn deltalake deltalakeazure deltalakeazurecluster deltalakecluster
    deltalakelocal deltalakes3 deltalakes3cluster dictionary eval executable file filecluster
    files filesystem fuzzjson fuzzquery gcs generaterandom hdfs hdfscluster hive hudi hudicluster
    iceberg icebergazure icebergazurecluster icebergcluster iceberghdfs iceberghdfscluster
    iceberglocal iceberglocalcluster icebergs3 icebergs3cluster input jdbc loop merge
    mergetreeanalyzeindexes mergetreeanalyzeindexesuuid mergetreecodecblockcounts mergetreeindex
    mergetreeprojection mergetreetextindex mongodb mysql null odbc oss paimon paimonazure
    paimonazurecluster paimoncluster paimonhdfs paimonhdfscluster paimonlocal paimons3
    paimons3cluster postgresql prometheusquery prometheusqueryrange python redis remote
    remotesecure s3 s3cluster sqlite timeseriesdata timeseriesmetricfamilies timeseriesmetrics
    timeseriessamples timeseriesselector timeseriestags url urlcluster viewexplain viewifpermitted
    ytsaurus ytsauruscluster arrowflight
""",
    )
)
# Plain functions that reach outside or wait. Their bare names are functions too, without a call:
# arrayMap(file, [...]), * APPLY file.
UNSPEAKABLE = frozenset(
    re.findall(
        r"\w+",
        """
    addresstoline addresstolinewithinlines addresstosymbol aiclassify aiembed aiextract aifilter
    aigenerate airedact aisimilarity aitranslate catboostevaluate chdb demangle evalmlmethod file
    getclienthttpheader hascolumnintable logtrace modelevaluate showcertificate sleep sleepeachrow
    currentrequesturl
""",
    )
)
SYSTEM_TABLES = frozenset(
    re.findall(
        r"\w+",
        """
    aggregate_function_combinators asynchronous_metrics collations columns data_skipping_indices
    data_type_families databases detached_parts dictionaries events formats functions keywords
    metrics mutations numbers numbers_mt one parts primes settings table_engines table_functions
    tables time_zones zeros zeros_mt
""",
    )
)
SHOWN = frozenset(
    {"databases", "tables", "columns", "fields", "create", "indexes", "indices", "index", "keys"}
    | {"functions", "settings", "engines", "dictionaries", "table", "full", "extended"}
)
WRITING = frozenset(
    {"insert", "create", "drop", "alter", "attach", "detach", "rename", "truncate", "optimize"}
    | {"grant", "revoke", "kill", "system", "set", "backup", "restore", "delete", "update", "use"}
)
PHRASES = frozenset({("insert", "into"), ("parallel", "with"), ("into", "function")})
# Where FROM belongs to the function: trim(BOTH ' ' FROM x).
FROM_INSIDE = frozenset({"extract", "trim", "ltrim", "rtrim", "substring", "substr", "overlay"})
CLAUSES = frozenset(
    {"select", "where", "prewhere", "group", "having", "order", "limit", "window", "qualify"}
    | {"union", "intersect", "except", "on", "using", "offset"}
)
DESCRIBED = frozenset({"describe", "desc", "table", "exists"})
TABLE_COMES = DESCRIBED | {"from", "join", "in"}
PLAIN_NAME = re.compile(r"[^\W\d]\w*")

LISTS_SETTINGS = re.compile(r"select [a-z]+( , [a-z]+)* from system \. settings( limit \d+)?")


@dataclass(frozen=True)
class Statement:
    """`form`: the format that its FORMAT clause asks for; the clause is not in `text`.

    `lists_settings`: it lists columns of system.settings and does nothing else.
    """

    text: str
    form: str = ""
    lists_settings: bool = False


def check_select(sql: str) -> str:
    """The statement without a closing semicolon; raises SqlRefused with finding and remedy."""
    statement = read_statement(sql, {})
    if statement.form:
        message = "FORMAT is not allowed here; take it out"
        raise SqlRefused(message)
    return statement.text


def read_statement(sql: str, params: Mapping[str, str]) -> Statement:
    """As check_select, with a FORMAT clause at the end and values for {name:Type} allowed."""
    code = tokens_of(sql)
    while code and code[-1].text == ";":
        code.pop()
    text = sql[: code[-1].end] if code else ""
    form = ""
    if len(code) > 3 and code[-2].word == "format" and code[-1].kind == "word":
        form = code[-1].text
        code = code[:-2]
        text = sql[: code[-1].end]
    for rule in (_whole, _words, _calls, _tables, _system, _functions_of_from):
        problem = rule(code)
        if problem:
            raise SqlRefused(problem)
    _check_identifiers(code, params)
    return Statement(text, form, _lists_settings(code))


def _whole(code: Sequence[Token]) -> str:
    if not code:
        return "the statement is empty; write a SELECT"
    first = code[0].text
    if first.lower() not in OPENERS:
        return f"{first!r} is not allowed here; only SELECT (or SHOW, DESCRIBE) is"
    if any(token.text == ";" for token in code):
        return "more than one statement; send them one by one"
    if first.lower() == "show" and (len(code) < 2 or code[1].word not in SHOWN):
        return "SHOW is for DATABASES, TABLES, COLUMNS, CREATE TABLE, FUNCTIONS, SETTINGS alone"
    if first.lower() == "explain":
        found = next((token.text for token in code if token.word in WRITING), "")
        return f"EXPLAIN is for a SELECT, this holds {found}; quote it if it is a name" * bool(
            found
        )
    return ""


def _words(code: Sequence[Token]) -> str:
    words = [token.word for token in code]
    for before, word in pairwise(["", *words]):
        if word in ("outfile", "infile") or (before, word) in PHRASES:
            return f"{word.upper()} is not allowed here; take it out"
    for at, word in enumerate(words):
        if word == "format" and _text(code, at + 1) != "(":
            return "FORMAT is not allowed here; take it out"
        if word == "settings" and not _is_system_settings(code, at):
            return "SETTINGS is not allowed here; take it out"
    return ""


def _is_system_settings(code: Sequence[Token], at: int) -> bool:
    named = at > 1 and code[at - 1].text == "." and code[at - 2].name == "system"
    return named or (at == 1 and code[0].word == "show")


def _calls(code: Sequence[Token]) -> str:
    unspeakable = next((token.name for token in code if token.name in UNSPEAKABLE), "")
    if unspeakable:
        return f"{unspeakable}() reaches outside the store; ask for our own tables only"
    for token, after in pairwise(code):
        if after.text == "(" and token.name in OUTSIDE:
            return f"{token.name}() reaches outside the store; ask for our own tables only"
        if after.text == "(" and token.text == "}":
            return "a parameter can't name a function; write the function's name"
    return ""


def _tables(code: Sequence[Token]) -> str:
    """What stands where a table is named: no file's name, no function that is not open."""
    for before, token in pairwise(code):
        if before.word not in TABLE_COMES:
            continue
        if token.kind == "text" and before.word != "in":
            return f"{token.text} is no table; write its name without quotes"
        if token.kind == "quoted" and not PLAIN_NAME.fullmatch(token.name):
            return f"{token.text} is no table of ours; write a plain name"
    for before, token, after in zip(code, code[1:], code[2:], strict=False):
        called = before.word in DESCRIBED and token.name and after.text == "("
        if called and token.name not in TABLE_FUNCTIONS | {"select"}:
            return _no_table_function(token.name)
    return ""


def _system(code: Sequence[Token]) -> str:
    for token, dot, table in zip(code, code[1:], code[2:], strict=False):
        if token.name == "system" and dot.text == "." and table.name not in SYSTEM_TABLES:
            return (
                f"system.{table.text} is not open here; open are {', '.join(sorted(SYSTEM_TABLES))}"
            )
    return ""


def _functions_of_from(code: Sequence[Token]) -> str:
    """Calls in a FROM clause, at any depth, against the list of those allowed."""
    inside: list[bool | None] = [False]
    for at, token in enumerate(code):
        if token.text == "(":
            called = code[at - 1].name if at else ""
            inside.append(None if called in FROM_INSIDE else False)
        elif token.text == ")":
            inside[1:] = inside[1:-1]
        elif token.word:
            inside[-1] = _in_from(inside[-1], code, at)
        if inside[-1] and _opens_table(code, at) and token.name not in TABLE_FUNCTIONS:
            return _no_table_function(token.name)
    return ""


def _in_from(inside: bool | None, code: Sequence[Token], at: int) -> bool | None:
    word, before = code[at].word, code[at - 1].word if at else ""
    if word == "from" and inside is not None and before != "distinct":
        return True
    if word == "join":
        return before != "array"
    return False if word in CLAUSES else inside


def _opens_table(code: Sequence[Token], at: int) -> bool:
    """Whether a function stands here whose rows are read."""
    before = code[at - 1]
    called = bool(code[at].name) and _text(code, at + 1) == "("
    return called and (before.text == "," or before.word in ("from", "join"))


def _no_table_function(name: str) -> str:
    allowed = ", ".join(sorted(TABLE_FUNCTIONS))
    return f"{name}() is not open here as a table; open are {allowed}"


def _check_identifiers(code: Sequence[Token], params: Mapping[str, str]) -> None:
    """A parameter that names a table is read as if it stood in the statement."""
    for brace, name, colon, kind in zip(code, code[1:], code[2:], code[3:], strict=False):
        if (brace.text, colon.text, kind.word) != ("{", ":", "identifier"):
            continue
        value = params.get(name.text, "")
        if not PLAIN_NAME.fullmatch(value) or value.lower() in UNSPEAKABLE | {"system"}:
            message = f"{{{name.text}:Identifier}}: {value[:60]!r} is not a plain name; give one"
            raise SqlRefused(message)


def _lists_settings(code: Sequence[Token]) -> bool:
    """As strict as can be: on this one the engine is let looser."""
    text = " ".join(token.text.lower() for token in code)
    return LISTS_SETTINGS.fullmatch(text) is not None


def _text(code: Sequence[Token], at: int) -> str:
    return code[at].text if at < len(code) else ""
