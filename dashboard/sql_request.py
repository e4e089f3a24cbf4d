"""What a client of the SQL endpoint asks for: an HTTP request in, statement and settings out."""

import base64
import binascii
import hmac
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from dashboard.guard import TooLarge, read_body
from dashboard.sql_replies import Failure

BODY_BYTES = 1_000_000
DATABASES = ("", "default")


@dataclass(frozen=True)
class Asked:
    """`params`: values for {name:Type}. `settings`: all other parameters of the URL."""

    sql: str
    params: dict[str, str]
    settings: dict[str, str]
    form: str


def has_password(request: Request, token: str) -> bool:
    """Under any user name, in any of the places where clients put it."""
    return any(
        [hmac.compare_digest(given.encode(), token.encode()) for given in _passwords(request)]
    ) and bool(token)


async def ask_of(request: Request) -> Asked:
    """Raises Failure when the request is not one that is understood."""
    given = dict(request.query_params)
    _check_compression(request)
    body = await _body(request)
    sql = given.get("query", "")
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        fields = await _fields(request, body)
        sql += fields.pop("query", "")
        given.update(fields)
    elif body:
        sql = f"{sql}\n{_text(body)}" if sql else _text(body)
    database = given.get("database", request.headers.get("x-clickhouse-database", ""))
    if database not in DATABASES:
        raise Failure(81, "UNKNOWN_DATABASE", f"Database {database[:60]} does not exist")
    return Asked(
        sql=sql,
        params={name[6:]: given[name] for name in given if name.startswith("param_")},
        settings={name: given[name] for name in given if not name.startswith("param_")},
        form=given.get("default_format", "") or request.headers.get("x-clickhouse-format", ""),
    )


def _check_compression(request: Request) -> None:
    """ClickHouse's own frames are not spoken here; compression in HTTP may be asked for in vain."""
    given = request.query_params
    text = ""
    if given.get("compress", "0") not in ("", "0"):
        text = "compress=1 is not spoken here; JDBC and DBeaver: set the property compress to false"
    elif given.get("decompress", "0") not in ("", "0"):
        text = "decompress=1 is not spoken here; send the statement as it is"
    elif request.headers.get("content-encoding", "identity") != "identity":
        text = "the request's Content-Encoding is not read here; send the statement as it is"
    if text:
        raise Failure(36, "BAD_ARGUMENTS", text)


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request, BODY_BYTES)
    except TooLarge as error:
        text = f"the request is larger than {BODY_BYTES} bytes; shorten it"
        raise Failure(62, "SYNTAX_ERROR", text) from error


def _passwords(request: Request) -> Iterator[str]:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user_and_password = base64.b64decode(given, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return
        yield user_and_password.partition(":")[2]
    elif scheme.lower() == "bearer":
        yield given.strip()
    yield request.headers.get("x-clickhouse-key", "")
    yield request.query_params.get("password", "")


async def _fields(request: Request, body: bytes) -> dict[str, str]:
    async def once() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    parser = MultiPartParser(
        request.headers, once(), max_files=0, max_fields=200, max_part_size=BODY_BYTES
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise Failure(36, "BAD_ARGUMENTS", f"the form can't be read: {error}") from error
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        text = "the statement is not UTF-8; send it as such"
        raise Failure(62, "SYNTAX_ERROR", text) from error
