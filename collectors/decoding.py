"""A document's bytes to text, by byte order mark, HTTP charset, XML declaration, or by trying.

Called by feeds.py for every document; what is declared nowhere is UTF-8 or gb18030.
"""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
_XML_DECLARED = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{2,40})[\"']")
# A page's own word counts only for pages; it matters for the title that an error message shows.
_HTML_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{2,40})", re.I)
# Codecs of characters. Python also has zip, hex and the like, and UTF-16 shows in the bytes.
_CHARACTER_SETS = re.compile(
    r"utf-8|gb|hz|big5|cp|iso8859|iso2022|koi8|shift|euc|johab|ascii|mac|tis|kz|ptcp"
)
# Older Chinese sites declare gb2312 and write characters that only its supersets hold.
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "cp950": "big5hkscs"}
_SUPERSETS |= {"iso8859-1": "cp1252", "ascii": "utf-8"}
_HEAD = 2048


def decode_document(data: bytes, http_charset: str | None) -> str:
    """Never fails: what can't be read becomes U+FFFD."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff")
    declared = _declared(data, http_charset)
    for encoding in declared or ["utf-8"]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return _damaged(data, declared[0] if declared else "utf-8")


def is_binary(data: bytes) -> bool:
    """Whether these bytes are no text in any character set (an image, an archive, a PDF)."""
    if any(data.startswith(mark) for mark, _ in _MARKS):
        return False
    return b"\x00" in data[:_HEAD] or data.startswith(
        (b"\x1f\x8b", b"PK\x03", b"%PDF", b"\xff\xd8")
    )


def _declared(data: bytes, http_charset: str | None) -> list[str]:
    head = data[:_HEAD]
    in_document = _XML_DECLARED.search(head) or _HTML_DECLARED.search(head)
    names = [http_charset or "", in_document[1].decode("ascii", "replace") if in_document else ""]
    found = [encoding for name in names if (encoding := _known(name))]
    # Servers say iso-8859-1 of everything, and every byte is a character there: others go first.
    found.sort(key=lambda encoding: encoding == "cp1252")
    return ["utf-8", *found] if found[:1] == ["cp1252"] else found


def _known(name: str) -> str | None:
    try:
        canonical = codecs.lookup(name.strip("\"' ")).name
    except (LookupError, ValueError):
        return None
    if not _CHARACTER_SETS.match(canonical):
        return None
    return _SUPERSETS.get(canonical, canonical)


def _damaged(data: bytes, encoding: str) -> str:
    """A bad byte here and there is replaced; bad bytes all over mean that it is another set."""
    text = data.decode(encoding, "replace")
    foreign = sum(character > "\x7f" for character in text)
    if text.count("\ufffd") * 4 > foreign:
        chinese = data.decode("gb18030", "replace")
        if chinese.count("\ufffd") * 20 < text.count("\ufffd"):
            return chinese
    return text
