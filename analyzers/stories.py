"""A post's title and body in, the id of its story out: the same for exact reposts."""

import hashlib
import re

from runtime.text import normalise

# So many letters and digits say enough for the body alone to name the story, whatever the title.
LONG_ENOUGH = 20

_URL = re.compile(r"(?:https?://|www\.)[\w\-./?%&=#:~+!@,;]+", re.IGNORECASE | re.ASCII)
_FORWARD = re.compile(
    r"(?:\s*(?:[\[(【〔（［]\s*(?:转|转发|转帖|转贴|转载|fwd?|rt)\s*[\])】〕）］]"
    r"|(?:转发微博|转发|转帖|转贴|转载|转|fwd?|rt)\s*[:：]"
    r"|(?:转发微博|转发|转帖|转贴|转载)(?:\s|[,，]|$)))+",
    re.IGNORECASE,
)


def story_of(title: str, body: str, fallback: str) -> str:
    """16 hex digits. A long body decides alone, a short one with its title; none: `fallback`."""
    kept_body = _core(body)
    kept = kept_body if len(kept_body) >= LONG_ENOUGH else _core(title) + "\n" + kept_body
    text = kept if kept.strip() else "\n\n" + fallback
    return hashlib.blake2b(text.encode("utf-8", "ignore"), digest_size=8).hexdigest()


def _core(text: str) -> str:
    if "." in text or "://" in text:
        text = _URL.sub(" ", text)
    forward = _FORWARD.match(text)
    return normalise(text[forward.end() :] if forward else text)
