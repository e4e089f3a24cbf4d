"""Each example of docs/sql.md does what it says, on a running endpoint."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.asking import LIMITS, STREAM_LIMITS, STREAMED
from storage.readers import LIMITS as READER_LIMITS
from storage.readonly import TABLE_FUNCTIONS
from storage.store import Store
from tests.contracts.sql_endpoint import TOKEN, Endpoint, sql_endpoint

TEXT = (Path(__file__).parents[2] / "docs/sql.md").read_text("utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
CURL = re.findall(r"^curl .*$", TEXT, re.MULTILINE)
FEES = 33


@pytest.fixture(scope="module")
def endpoint(chdb_store: Store) -> Iterator[Endpoint]:
    with sql_endpoint(chdb_store) as found:
        yield found


def environment(endpoint: Endpoint) -> dict[str, str]:
    return {**os.environ, "SQL_PORT": str(endpoint.port), "SQL_TOKEN": TOKEN, "no_proxy": "*"}


@pytest.mark.parametrize(
    ("number", "shown", "expected"),
    [
        (0, "len(rows), len(frame) > 0, count", f"{FEES} True 50"),
        (1, "rows", "[('bbs', 50)]"),
        (2, "sorted(frame.columns), frame.dtypes['day'].kind", "['day', 'posts', 'topic'] M"),
    ],
)
def test_an_example_in_python(number: int, shown: str, expected: str, endpoint: Endpoint) -> None:
    assert len(PYTHON) == 3
    done = subprocess.run(
        [sys.executable, "-c", f"{PYTHON[number]}\nprint({shown})"],
        env=environment(endpoint),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == expected, done.stderr


def test_the_examples_for_curl(endpoint: Endpoint) -> None:
    assert len(CURL) == 2
    outputs = [
        subprocess.run(
            ["sh", "-c", line],
            env=environment(endpoint),
            capture_output=True,
            timeout=30,
            check=True,
        ).stdout.decode()
        for line in CURL
    ]
    assert outputs[0] == "50\n"
    assert len(outputs[1].splitlines()) == FEES


def test_the_limits_that_stand_are_those_that_hold() -> None:
    shown = dict(re.findall(r"^\| ([a-z ]+) \| ([^|]+ \| [^|]+) \|$", TEXT, re.MULTILINE))
    assert shown["time"] == "10 s | 60 s"
    assert shown["rows of the answer"] == (
        f"{LIMITS['max_result_rows']:,} | {STREAM_LIMITS['max_result_rows']:,}"
    )
    assert (LIMITS["max_execution_time"], STREAM_LIMITS["max_execution_time"]) == (10, 60)
    assert {LIMITS["max_memory_usage"], STREAM_LIMITS["max_memory_usage"]} == {500_000_000}
    assert LIMITS["max_result_bytes"] == 50_000_000
    assert STREAM_LIMITS["max_result_bytes"] == 2_000_000_000
    assert READER_LIMITS == {
        "max_execution_time": 60,
        "max_memory_usage": 4_000_000_000,
        "max_result_rows": 1_000_000,
    }
    assert [form for form in STREAMED - {"TSV"} if f"`{form}`" not in TEXT] == []
    open_here = TABLE_FUNCTIONS - {"numbers_mt", "zeros_mt", "generate_series"}
    assert [name for name in open_here if f"`{name}`" not in TEXT.lower()] == []
