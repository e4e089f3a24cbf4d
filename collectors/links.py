"""Addresses as stored: absolute, http(s) only, and without what says who wrote the post."""

import re
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

# Query keys that name a person: uid=, authorid= (a thread cut to one poster), from_uid= (who shared
# it), u= (phpBB). A guid or uuid names the post.
_AUTHOR_KEY = re.compile(
    r"(?!.*(?:guid|uuid))(?:u|un|uname|id_user|.*uid|.*user.*|.*author.*|.*nick.*|.*member.*"
    r"|.*poster.*|.*creator.*|.*owner.*|.*openid|.*unionid|.*sharer.*|.*account.*|.*inviter.*)",
    re.I,
)
# What follows in the path is a person's number or name: /u/123456, /user/zhang, /people/zhang.
_AUTHOR_PARENTS = frozenset(
    {"u", "user", "users", "member", "members", "people", "profile", "profiles", "author"}
    | {"authors", "space", "uid", "userinfo"}
)
# One part that names a person by itself: @name (Mastodon, Medium), ~name (home pages),
# space-uid-123.html and u_123 (Discuz), name.123 below members is caught by its parent.
_AUTHOR_PART = re.compile(r"(?:@|~).+|space-(?:uid|username)-.*|(?:uid|u)[-_]\d+(?:\..*)?", re.I)
_PROFILE_QUERY = re.compile(
    r"(?:mode=viewprofile|mod=space|action=profile|action=viewpro|\bdo=profile|home=space)", re.I
)
_IN_TEXT = re.compile(r"https?://[!-;=?-~]+", re.I)


def absolute(link: str, base: str) -> str:
    """`link` seen from `base`, or "" when that is no http(s) address."""
    if not link.strip():
        return ""
    try:
        joined = urljoin(base, link.strip())
        parts = urlsplit(joined)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return ""
    return joined if usable else ""


def without_author(url: str) -> str:
    """`url` without user info, fragment, and the query keys and path parts that name a person."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    # Before an @ stand a name and a password. A fragment (#u123, #uid=5) never reaches the server.
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, _path(parts), _query(parts.query), ""))


def clean_in_text(text: str) -> str:
    """The same for every address written out in a text."""
    if "://" not in text:
        return text
    return _IN_TEXT.sub(lambda found: without_author(found[0]), text)


def is_profile(link: str) -> bool:
    """Whether `link` leads to a person's page: its text is then that person's name."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    if _PROFILE_QUERY.search(parts.query):
        return True
    named = [part for part in unquote(parts.path).split("/") if part]
    last, parent = (named[-1] if named else ""), (named[-2] if len(named) > 1 else "")
    return bool(_AUTHOR_PART.fullmatch(last)) or parent.lower() in _AUTHOR_PARENTS


def _path(parts: SplitResult) -> str:
    kept: list[str] = []
    for part in parts.path.split("/"):
        follows = bool(kept) and kept[-1].lower() in _AUTHOR_PARENTS
        kept.append("" if follows or _AUTHOR_PART.fullmatch(unquote(part)) else part)
    # weibo.com/<number of the writer>/<post>
    if (parts.hostname or "").endswith("weibo.com") and len(kept) > 1 and kept[1].isdigit():
        kept[1] = ""
    return re.sub(r"/{2,}", "/", "/".join(kept))


def _query(query: str) -> str:
    # ; parts pairs as well (index.php?action=profile;u=1).
    pairs = re.split(r"([&;])", query)
    kept = ""
    for pair, sign in zip(pairs[::2], ["", *pairs[1::2]], strict=True):
        if not _AUTHOR_KEY.fullmatch(unquote(pair.partition("=")[0])):
            kept += (sign if kept else "") + pair
    return kept
