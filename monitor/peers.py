"""Asks the other processes of server mode how they are: `health.stages`, each at /health.json."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import msgspec

from runtime.health import INSTANCE, StageHealth
from runtime.probes import read_health

ASK_SECONDS = 1.5
_AT_ONCE = 16
# Our own processes are never behind the proxy through which feeds may be fetched.
DIRECT = build_opener(ProxyHandler({}))


def ask_stages(addresses: Sequence[str]) -> list[StageHealth]:
    """All stages that answer, and in place of each address that does not, what is wrong with it.

    Takes as long as one that hangs: ASK_SECONDS. This process's own stages are left out.
    """
    if not addresses:
        return []
    with ThreadPoolExecutor(min(_AT_ONCE, len(addresses)), "peers") as pool:
        told = [stage for answer in pool.map(_ask, addresses) for stage in answer]
    return [stage for stage in told if stage.instance != INSTANCE]


def _ask(address: str) -> list[StageHealth]:
    try:
        with DIRECT.open(f"{address.rstrip('/')}/health.json", timeout=ASK_SECONDS) as reply:
            return read_health(reply.read())
    except (OSError, URLError, HTTPException, msgspec.DecodeError) as error:
        found = getattr(error, "reason", None) or error
        remedy = "start that process, or mend health.stages"
        problem = f"{address}: does not tell how it is ({found}); {remedy}"
        return [StageHealth(urlsplit(address).netloc, problem=problem, instance="")]
