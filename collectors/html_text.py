"""HTML of a title or a body to plain text: blocks on lines of their own, no scripts, no people."""

import html
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from collectors.links import is_profile

_BLOCK = re.compile(
    r"<(?=/?(?:p|div|ul|ol|li|dl|dt|dd|tr|table|blockquote|pre|section|article|figure|h[1-6])\b"
    r"|[bh]r\b)",
    re.I,
)
_CELL = re.compile(r"<(?=t[dh]\b)", re.I)
_UNSEEN = ["script", "style", "noscript", "template", "iframe", "object", "svg", "select", "title"]
# Names that forums write into the body themselves: a mention, the head of a quote.
_PEOPLE = (
    "a.mention, a.mention-group, .username, .author, .bbcode_postedby, blockquote cite,"
    " blockquote > .quote-author, aside.quote > .title, .bbCodeBlock-title, .quote_author,"
    " .quotetitle, .quoteheader, .quote font[color='#999999']"
)
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")
# The parser's time grows with the square of the depth: 8,000 open tags cost it 0.1 s.
_MOST_TAGS, _LONGEST_MARKUP = 8_000, 200_000
_TWICE = re.compile(r"<(?:br|p|div|/p|/div)\s*/?>", re.I)
_MARKUP = re.compile(r"<[a-zA-Z/!]|&[#a-zA-Z]")


def to_text(markup: str) -> str:
    """Text with entities decoded; a linked profile's text (a name) and script are left out."""
    markup = markup[:_LONGEST_MARKUP]
    if not _MARKUP.search(markup):
        return tidy(markup)
    if "<" not in markup:
        decoded = html.unescape(markup)
        # Escaped once too often by the site: what comes out is markup again.
        return to_text(decoded) if _TWICE.search(decoded) else tidy(decoded)
    # Line ends in HTML are spaces; the breaks that show are those of blocks.
    flat = markup.replace("\n", " ").replace("\r", " ")
    tree = _parse(_CELL.sub(" <", _BLOCK.sub("\n<", flat)))
    tree.strip_tags(_UNSEEN)
    _drop_people(tree)
    return tidy(tree.root.text(deep=True) if tree.root else "")


def _parse(markup: str) -> LexborHTMLParser:
    parts = markup[:_LONGEST_MARKUP].split("<", _MOST_TAGS)
    return LexborHTMLParser("<".join(parts[:_MOST_TAGS]))


def tidy(text: str) -> str:
    """Single spaces and single line breaks, without what no store takes (NUL, lone surrogates)."""
    text = text.replace("\r", "\n").replace("\x00", "").encode("utf-8", "ignore").decode()
    return _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()


def _drop_people(tree: LexborHTMLParser) -> None:
    links = tree.css("a[href]")
    _drop([link for link in links if is_profile(link.attributes.get("href") or "")])
    _drop(tree.css(_PEOPLE))


def _drop(nodes: list[LexborNode]) -> None:
    """Inner ones first, each once: a dropped node's memory must not be touched again."""
    for node in reversed({node.mem_id: node for node in nodes}.values()):
        node.decompose()


def page_title(page: str) -> str:
    node = _parse(page).css_first("title")
    return tidy(node.text())[:80] if node else ""


def feed_links(page: str) -> list[str]:
    """The addresses of feeds that an HTML page names in its head."""
    links = _parse(page).css("link[rel~=alternate][href]")
    return [link.attributes.get("href") or "" for link in links if _is_feed_link(link)]


def _is_feed_link(link: LexborNode) -> bool:
    kind = (link.attributes.get("type") or "").lower()
    return kind.endswith(("rss+xml", "atom+xml", "feed+json", "rdf+xml"))
