"""Structs to the JSON bytes that the bus carries, and back; each names its schema and version."""

import msgspec

from schemas.posts import Engagement, Poll, RawPost

Message = RawPost | Engagement | Poll


class BadMessage(Exception):
    """This one message can never be handled: it goes to the dead letters with this reason."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    return _encoder.encode(message)


def decode(data: bytes) -> Message:
    """Raises BadMessage, with what was found, when `data` is no message of ours."""
    try:
        message: Message = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = data[:60].decode("utf-8", "replace")
        reason = f"not a message of ours: {error}; found {found!r}"
        raise BadMessage(reason) from error
    return message
