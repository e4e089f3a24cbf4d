"""The SQL endpoint: a JSON body with one SELECT in, the rows in one of a few formats out.

Blocks on the store. `huisheng sql` asks it while a process holds the embedded store.
"""

from typing import Literal

import msgspec
from starlette.responses import PlainTextResponse, Response

from runtime.errors import RetryLater
from storage.readonly import SqlRefused, check_select
from storage.store import Store, StoreError

Format = Literal["PrettyCompactNoEscapes", "CSVWithNames", "TSVWithNames", "JSON", "JSONEachRow"]
MEDIA_TYPES: dict[Format, str] = {
    "PrettyCompactNoEscapes": "text/plain",
    "CSVWithNames": "text/csv",
    "TSVWithNames": "text/tab-separated-values",
    "JSON": "application/json",
    "JSONEachRow": "application/x-ndjson",
}


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sql: str
    format: Format = "PrettyCompactNoEscapes"


def answer(store: Store, body: bytes) -> Response:
    try:
        question = msgspec.json.decode(body, type=Question)
        rows = store.ask(check_select(question.sql), question.format)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text = f'not a question: {error}; send {{"sql": "SELECT …", "format": "CSVWithNames"}}'
        return PlainTextResponse(f"{text}\n", status_code=400)
    except SqlRefused as error:
        return PlainTextResponse(f"sql: {error}\n", status_code=400)
    except StoreError as error:
        text = f"sql: {error}; mend the statement (tables: docs/columns.md)"
        return PlainTextResponse(f"{text}\n", status_code=400)
    except RetryLater as error:
        text = f"{error}; ask for less (a shorter time, a LIMIT), or ask again later"
        return PlainTextResponse(f"{text}\n", status_code=503)
    return Response(rows, media_type=MEDIA_TYPES[question.format])
