"""Which network addresses a feed may live at: public ones, unless settings allow private ones."""

import socket
from ipaddress import ip_address

_SHOWN = 3


class Refused(Exception):
    """The address is not asked; the message says why and what would change that."""


def public_addresses(host: str, port: int, allow_private: bool) -> list[str]:
    """The numeric addresses of `host`, IPv4 first. Raises Refused, or OSError when it has none.

    The request then goes to one of these: asking the name again could give another answer.
    """
    try:
        known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        reason = f"{host[:80]!r} is no host name: correct the address in sources.toml"
        raise Refused(reason) from error
    found = sorted({str(entry[4][0]) for entry in known}, key=lambda address: ":" in address)
    inner = [address for address in found if not _is_public(address)]
    # One private address among public ones is how a name is made to point inside.
    if inner and not allow_private:
        reason = (
            f"{host} is the private address {', '.join(inner[:_SHOWN])}: only public sites are"
            " read; for a feed in your own network set fetch.allow_private = true in huisheng.toml"
        )
        raise Refused(reason)
    return found


def _is_public(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    inside = mapped or address
    return inside.is_global and address.is_global and not address.is_multicast
