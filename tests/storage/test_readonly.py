"""Which foreign statements may be asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.readonly import SqlRefused, check_select


@pytest.mark.parametrize(
    ("asked", "checked"),
    [
        ("SELECT 1", "SELECT 1"),
        ("  select 1 ; ", "select 1"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "WITH a AS (SELECT 1) SELECT * FROM a"),
        ("SHOW TABLES", "SHOW TABLES"),
        ("SELECT ';', 'INTO OUTFILE', 'file(' -- ; file('x')", None),
        ("SELECT file FROM (SELECT 1 AS file)", None),
        ("/* why */ SELECT 1", None),
    ],
)
def test_one_select_may_be_asked(asked: str, checked: str | None) -> None:
    assert check_select(asked) == (checked or asked)


@pytest.mark.parametrize(
    ("asked", "finding"),
    [
        ("", "the statement is empty"),
        ("-- nothing", "the statement is empty"),
        ("DROP TABLE posts", "'DROP' is not allowed here"),
        ("SELECT 1; DROP TABLE posts", "more than one statement"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "OUTFILE is not allowed"),
        ("SELECT file('/etc/passwd')", "file\\(\\) reaches outside"),
        ("SELECT `file` ('/etc/passwd')", "file\\(\\) reaches outside"),
        ("SELECT * FROM \"url\"('http://x')", "url\\(\\) reaches outside"),
        ("SELECT * FROM remote /* x */ ('h')", "remote\\(\\) reaches outside"),
        ("SELECT 1 SETTINGS readonly = 0", "SETTINGS is not allowed"),
        ("SELECT 1 FORMAT Native", "FORMAT is not allowed"),
        ("KILL QUERY WHERE 1", "'KILL' is not allowed"),
        ("SELECT 'it''s'; SELECT 2", "more than one statement"),
    ],
)
def test_anything_else_is_refused_with_its_reason(asked: str, finding: str) -> None:
    with pytest.raises(SqlRefused, match=finding):
        check_select(asked)


@given(st.text(alphabet="SELECT 1;'\"`\\-/*#()file,\n", max_size=60))
def test_no_text_breaks_the_check_or_smuggles_a_second_statement(text: str) -> None:
    try:
        checked = check_select(f"SELECT {text}")
    except SqlRefused:
        return
    assert checked.startswith("SELECT")
