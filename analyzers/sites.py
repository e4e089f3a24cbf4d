"""A post's URL in, its site out: the registrable domain, so two boards of a forum are one site."""

import ipaddress
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

_SUFFIXES = PublicSuffixList(accept_unknown=True)


@lru_cache(maxsize=4096)
def _domain(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        domain = str(_SUFFIXES.privatesuffix(host) or host)
    # 例子.中国 and its form in ASCII are one site.
    with suppress(UnicodeError):
        return domain.encode("ascii").decode("idna")
    return domain


def site_of(url: str, source: str) -> str:
    """An address or a bare host name is its own site; a post without a URL is at its source's."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    trimmed = (host or "").strip(".")
    return _domain(trimmed) if trimmed else source
