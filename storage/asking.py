"""Foreign questions to the embedded engine: one checked statement in, its answer as bytes out.

Each has a handle of its own, which is limited, then read-only for good, and thrown away after.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

# What a question may take whatever it asks for. Rows and bytes are those of the answer.
LIMITS: Mapping[str, int | str] = {
    "max_execution_time": 10,
    "max_memory_usage": 500_000_000,
    "max_result_rows": 100_000,
    "max_result_bytes": 50_000_000,
    "result_overflow_mode": "throw",
    "max_threads": 2,
}
# An answer that is passed on in pieces holds no more than one of them in memory.
STREAM_LIMITS: Mapping[str, int | str] = {
    **LIMITS,
    "max_execution_time": 60,
    "max_result_rows": 5_000_000,
    "max_result_bytes": 2_000_000_000,
}
# The pieces of other formats each have a head and a foot of their own.
STREAMED = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})
SETTING = re.compile(r"[a-z][a-z0-9_]*")
CODE = re.compile(r"Code: (\d+)\.")


class AskFailed(Exception):
    """The engine's own words, with ClickHouse's code."""

    def __init__(self, error: Exception) -> None:
        text = str(error)
        found = CODE.search(text)
        self.code = int(found[1]) if found else 0
        super().__init__(text[found.start() :] if found else text)


@dataclass(frozen=True)
class Question:
    """`settings` come after the limits: whoever fills them in keeps within those.

    `in_pieces`: a SELECT's answer in one of the formats STREAMED is passed on as it comes.
    `may_list_settings`: the settings are listed as ones that may be set.
    """

    sql: str
    form: str
    params: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    in_pieces: bool = False
    may_list_settings: bool = False

    @property
    def streamed(self) -> bool:
        return self.in_pieces and self.form in STREAMED

    @property
    def limits(self) -> Mapping[str, int | str]:
        return STREAM_LIMITS if self.streamed else LIMITS


def answer(folder: str, question: Question) -> Iterator[bytes]:
    """The answer in pieces, one unless it is streamed. Raises AskFailed, then also between them.

    The handle is closed when the pieces end or the iterator is closed.
    """
    try:
        with _handle(folder) as handle:
            _prepare(handle, question)
            params = dict(question.params)
            if not question.streamed:
                yield handle.query(question.sql, question.form, params=params).bytes()
                return
            with closing(handle.send_query(question.sql, question.form, params=params)) as pieces:
                for piece in pieces:
                    yield piece.bytes()
    except RuntimeError as error:
        raise AskFailed(error) from error


def end_all(folder: str) -> None:
    """Ends every statement that still runs in this process: for its stop."""
    with _handle(folder) as handle:
        handle.query("KILL QUERY WHERE query NOT LIKE 'KILL%' ASYNC")


def whole_answer(folder: str, sql: str, form: str) -> bytes:
    """The answer within LIMITS, in one piece."""
    return b"".join(answer(folder, Question(sql, form)))


def _handle(folder: str) -> closing[Any]:
    # Only here: a process of server mode has no need of the engine's few hundred megabytes.
    import chdb

    return closing(chdb.connect(os.path.realpath(folder)))


def _prepare(handle: Any, question: Question) -> None:
    settings = {**question.limits, **question.settings}
    # With 2, the engine tells clients that settings can be changed; the statement calls nothing.
    settings["readonly"] = 2 if question.may_list_settings else 1
    for name, value in settings.items():
        if not SETTING.fullmatch(name):
            message = f"Code: 115. DB::Exception: {name!r} is no setting. (UNKNOWN_SETTING)"
            raise RuntimeError(message)
        quoted = str(value).replace("\\", "\\\\").replace("'", "\\'")
        handle.query(f"SET {name} = '{quoted}'")
