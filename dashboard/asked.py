"""What a browser asks: the language of a request, and the form that it sends. Routes call it."""

from urllib.parse import parse_qs

from starlette.requests import Request

from dashboard.actions import ActionRefused, Refusal
from dashboard.guard import TooLarge, is_same_origin, read_body
from dashboard.words import Words, choose_language

FORM_BYTES = 20_000


def words_of(request: Request) -> Words:
    accepted = request.headers.get("accept-language", "")
    return Words(choose_language(request.query_params.get("lang"), accepted))


async def form_of(request: Request) -> dict[str, str]:
    """Each field once; raises ActionRefused for a form that our own page did not send."""
    if not is_same_origin(request.headers):
        raise ActionRefused(Refusal.ORIGIN)
    try:
        body = await read_body(request, FORM_BYTES)
    except TooLarge as error:
        raise ActionRefused(Refusal.SIZE, FORM_BYTES) from error
    form = parse_qs(body.decode("utf-8", "replace"))
    return {name: values[0] for name, values in form.items()}
