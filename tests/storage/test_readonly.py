"""Which foreign statements may be asked, and that no spelling goes past the check."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.readonly import OUTSIDE, TABLE_FUNCTIONS, SqlRefused, check_select, read_statement
from storage.store import Store
from tests.stores import chdb_store


@pytest.mark.parametrize(
    ("asked", "checked"),
    [
        ("SELECT 1", "SELECT 1"),
        ("  select 1 ; ", "  select 1"),
        ("SELECT 1; ; -- done", "SELECT 1"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", None),
        ("(SELECT 1) UNION ALL (SELECT 2)", None),
        ("FROM posts SELECT id", None),
        ("SHOW TABLES", None),
        ("SHOW SETTINGS LIKE 'max%'", None),
        ("DESCRIBE TABLE posts", None),
        ("EXPLAIN PLAN SELECT 1 FROM posts", None),
        (
            "SELECT ';', 'INTO OUTFILE', 'file(' -- ; file('x')\n",
            "SELECT ';', 'INTO OUTFILE', 'file('",
        ),
        ("SELECT url FROM (SELECT 1 AS url)", None),
        ("SELECT id IN ('a', 'b'), id IN 'a' FROM `posts` WHERE x IN (SELECT id FROM t)", None),
        ("/* why */ SELECT 1 # and so on\n, 2", None),
        ("SELECT format('{} {}', a, b), '数', `数` FROM t", None),
        ("SELECT name FROM system.settings, system . tables AS t", None),
        ("SELECT extract(DAY FROM toDate(d)), trim(BOTH ' ' FROM lower(x)) FROM t", None),
        ("SELECT a IS NOT DISTINCT FROM lower(b) FROM t", None),
        ("SELECT * FROM numbers(3) AS a JOIN view(SELECT 1 AS number) AS b USING (number)", None),
        ("SELECT c FROM t ARRAY JOIN arrayEnumerate(x) AS c", None),
        ("SELECT 'it''s', 'a\\'b', x'41'", None),
    ],
)
def test_one_select_may_be_asked(asked: str, checked: str | None) -> None:
    assert check_select(asked) == (checked or asked)


@pytest.mark.parametrize(
    ("asked", "finding"),
    [
        ("", "the statement is empty"),
        ("-- nothing", "the statement is empty"),
        (";", "the statement is empty"),
        ("DROP TABLE posts", "'DROP' is not allowed here"),
        ("SET readonly = 0", "'SET' is not allowed here"),
        ("SYSTEM SHUTDOWN", "'SYSTEM' is not allowed here"),
        ("CREATE TABLE t (a Int8) ENGINE = URL('http://x')", "'CREATE' is not allowed"),
        ("INSERT INTO FUNCTION file('x') SELECT 1", "'INSERT' is not allowed"),
        ("SELECT 1; DROP TABLE posts", "more than one statement"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "OUTFILE is not allowed"),
        ("SELECT 1 FROM INFILE '/tmp/x'", "INFILE is not allowed"),
        ("WITH 1 AS a INSERT INTO posts SELECT a", "INTO is not allowed"),
        ("SELECT 1 PARALLEL WITH DROP TABLE posts", "WITH is not allowed"),
        ("SELECT file('/etc/passwd')", "file\\(\\) reaches outside"),
        ("SELECT FILE\n\t('/etc/passwd')", "file\\(\\) reaches outside"),
        ("SELECT `file` ('/etc/passwd')", "file\\(\\) reaches outside"),
        ("SELECT * FROM \"url\"('http://x')", "url\\(\\) reaches outside"),
        ("SELECT * FROM remote /* x */ ('h')", "remote\\(\\) reaches outside"),
        ("SELECT * FROM remote -- x\n ('h')", "remote\\(\\) reaches outside"),
        ("SELECT (SELECT (SELECT file('x')))", "file\\(\\) reaches outside"),
        ("WITH a AS (SELECT * FROM s3('x')) SELECT * FROM a", "s3\\(\\) reaches outside"),
        ("SELECT 1 IN executable('x', TSV, 'a Int8')", "executable\\(\\) reaches outside"),
        ("SELECT * FROM t, mysql('h', 'd', 't', 'u', 'p')", "mysql\\(\\) reaches outside"),
        ("SELECT hasColumnInTable('h', 'u', 'p', 'd', 't', 'c')", "hascolumnintable\\(\\)"),
        ("SELECT arrayMap(file, ['/etc/passwd'])", "file\\(\\) reaches outside"),
        ("SELECT arrayMap(`file`, ['/etc/passwd'])", "file\\(\\) reaches outside"),
        ("SELECT * APPLY(file) FROM t", "file\\(\\) reaches outside"),
        ("SELECT * APPLY file FROM t", "file\\(\\) reaches outside"),
        ("SELECT COLUMNS('a') APPLY sleep FROM t", "sleep\\(\\) reaches outside"),
        ("SELECT * FROM '/etc/passwd'", "is no table; write its name"),
        ('SELECT * FROM "/etc/passwd"', "is no table of ours"),
        ("SELECT * FROM t JOIN `a.csv` ON 1", "is no table of ours"),
        ("SELECT 1 IN `/etc/passwd`", "is no table of ours"),
        ("DESCRIBE TABLE '/etc/passwd'", "is no table; write its name"),
        ("SELECT * FROM merge('system', 'proc')", "merge\\(\\) reaches outside"),
        ("SELECT * FROM eval('SELECT 1')", "eval\\(\\) reaches outside"),
        ("SELECT * FROM newlyInvented('x')", "newlyinvented\\(\\) is not open here as a table"),
        ("SELECT * FROM numbers(1) AS a, newlyInvented('x')", "newlyinvented\\(\\) is not open"),
        ("SELECT * FROM a JOIN newlyInvented('x') ON 1", "newlyinvented\\(\\) is not open"),
        ("FROM newlyInvented('x') SELECT *", "newlyinvented\\(\\) is not open"),
        ("DESCRIBE TABLE newlyInvented('x')", "newlyinvented\\(\\) is not open"),
        ("DESC newlyInvented('x')", "newlyinvented\\(\\) is not open"),
        ("SELECT * FROM format(LineAsString, 'x')", "format\\(\\) is not open here as a table"),
        ("EXPLAIN AST DROP TABLE posts", "this holds DROP"),
        ("EXPLAIN INSERT INTO FUNCTION file('x') SELECT 1", "this holds INSERT"),
        ("EXPLAIN SELECT * FROM url('http://x')", "url\\(\\) reaches outside"),
        ("SELECT 1 SETTINGS readonly = 0", "SETTINGS is not allowed"),
        ("SELECT * FROM (SELECT 1 settings readonly=0)", "SETTINGS is not allowed"),
        ("SELECT 1. SETTINGS readonly = 0", "SETTINGS is not allowed"),
        ("SELECT value FROM system.settings SETTINGS readonly = 0", "SETTINGS is not allowed"),
        ("SELECT 1 FORMAT Native", "FORMAT is not allowed"),
        ("SELECT * FROM (SELECT 1 FORMAT TSV)", "FORMAT is not allowed"),
        ("KILL QUERY WHERE 1", "'KILL' is not allowed"),
        ("SHOW PROCESSLIST", "SHOW is for DATABASES"),
        ("SHOW GRANTS", "SHOW is for DATABASES"),
        ("SELECT query FROM system.processes", "system.processes is not open here"),
        ('SELECT * FROM `system`."query_log"', 'system."query_log" is not open here'),
        ("SELECT * FROM SYSTEM /* x */ . Disks", "system.Disks is not open here"),
        ("SELECT * FROM system.{t:Identifier}", "system.{ is not open here"),
        ("SELECT 'it''s'; SELECT 2", "more than one statement"),
        ("SELECT “file”('/etc/passwd')", "stands outside of quotes"),
        ("SELECT ‘a’, file('x')", "stands outside of quotes"),
        ("SELECT file\u200b('x')", "stands outside of quotes"),
        ("SELECT file\u00a0('x')", "stands outside of quotes"),
        ("SELECT 1 AS 数量", "stands outside of quotes"),
        ("SELECT \"fi\\x6ce\"('x')", "is not closed, or its name holds a"),
        ("SELECT `fi\\154e`('x')", "is not closed, or its name holds a"),
        ('SELECT "a""b"(\'x\')', "doubles a quote in a name"),
        ("SELECT $$ a $$, file('x') -- $$", "is not allowed outside of quotes"),
        ("SELECT $ '$ ' $ '$ file('x') '", "is not allowed outside of quotes"),
        ("SELECT a$b$ ' $b$, file('x') --'", "is not allowed outside of quotes"),
        ("SELECT 'open", "is not closed"),
        ("SELECT 1 -- a\rb\n", "ends lines or texts"),
        ("SELECT 1 \0 file('x')", "ends lines or texts"),
        ("SELECT /* /* */ file('x') -- */", "file\\(\\) reaches outside"),
    ],
)
def test_anything_else_is_refused_with_its_reason(asked: str, finding: str) -> None:
    with pytest.raises(SqlRefused, match=finding):
        check_select(asked)


def test_a_format_clause_at_the_end_is_told_apart() -> None:
    statement = read_statement("SELECT 1 FORMAT JSONEachRow;\n", {})
    assert (statement.text, statement.form) == ("SELECT 1", "JSONEachRow")
    assert read_statement("SELECT 1", {}).form == ""
    with pytest.raises(SqlRefused, match="FORMAT is not allowed"):
        read_statement("SELECT 1 FORMAT TSV SETTINGS readonly = 0", {})
    with pytest.raises(SqlRefused, match="OUTFILE is not allowed"):
        read_statement("SELECT 1 INTO OUTFILE 'x' FORMAT TSV", {})


@pytest.mark.parametrize(
    "value", ["system", "System", "file", "a.b", "file('x')", "a b", "", "`a`"]
)
def test_a_parameter_names_nothing_but_a_table_of_ours(value: str) -> None:
    asked = "SELECT * FROM {d:Identifier}.tables"
    assert read_statement(asked, {"d": "default"}).text == asked
    with pytest.raises(SqlRefused, match="is not a plain name"):
        read_statement(asked, {"d": value})


def test_a_parameter_names_no_function() -> None:
    with pytest.raises(SqlRefused, match="can't name a function"):
        read_statement("SELECT * FROM {f:Identifier}('x')", {"f": "file"})


def test_settings_are_listed_by_a_statement_that_calls_nothing() -> None:
    listing = "SELECT name, value, readonly FROM system.settings LIMIT 10000"
    assert read_statement(listing, {}).lists_settings
    for other in (
        "SELECT name FROM system.tables",
        "SELECT upper(name) FROM system.settings",
        "SELECT name FROM system.settings, posts",
        "SELECT name FROM system.settings JOIN posts",
        "SELECT name FROM system.settings WHERE name IN posts",
        "SELECT name FROM system.settings UNION ALL SELECT id FROM posts",
        "SELECT name FROM posts, system.settings",
    ):
        assert not read_statement(other, {}).lists_settings


@given(st.text(alphabet="SELECT 1;'\"`\\-/*#()file,\n", max_size=60))
def test_no_text_breaks_the_check_or_smuggles_a_second_statement(text: str) -> None:
    try:
        checked = check_select(f"SELECT {text}")
    except SqlRefused:
        return
    assert checked.startswith("SELECT")


def names_of_table_functions(store: Store) -> list[str]:
    return [str(name) for (name,) in store.rows("SELECT name FROM system.table_functions")]


def test_every_table_function_of_the_engine_is_refused_but_those_allowed(tmp_path: Path) -> None:
    """Wherever it is called. `format` is also a plain function, and reads nothing outside."""
    with chdb_store(tmp_path) as store:
        found = {name.lower() for name in names_of_table_functions(store)}
    assert found - TABLE_FUNCTIONS - OUTSIDE - {"format"} == set()


def test_no_statement_that_passes_reads_a_file(tmp_path: Path) -> None:
    """What the check refuses, the engine would have done: the check is needed."""
    secret = tmp_path / "secret.txt"
    secret.write_text("in a file")
    with chdb_store(tmp_path) as store:
        spelled = f"SELECT file('{secret}')"
        assert store.ask(spelled, "TSV") == b"in a file\n"
        with pytest.raises(SqlRefused):
            check_select(spelled)
