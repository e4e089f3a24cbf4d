"""Contact details and document numbers in a text become markers, before it leaves a collector.

A wrong mask costs one number in a text, a missed one keeps a person's: doubt goes to the mask.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

PHONE, DOCUMENT, MAIL, ACCOUNT = "[电话]", "[证件]", "[邮箱]", "[账号]"

# One character for one, so that places found in the folded text are places in the text itself.
_FOLD = str.maketrans(
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2009\u3000\t"), " ")
    | dict.fromkeys(map(ord, "‐‑‒–—―−－﹣"), "-")
    | {ord(letter): ord("V") for letter in "ⅤⅴＶｖ"}
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"
# How people cut a mobile number; other cuts are lists of prices or scores.
_MOBILE_GROUPS = frozenset(
    {(11,), (3, 8), (7, 4), (3, 4, 4), (4, 3, 4), (4, 4, 3), (3, 3, 5), (5, 6), (1,) * 11}
)


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | re.IGNORECASE)


class Place(NamedTuple):
    start: int
    end: int
    marker: str


class Rule(NamedTuple):
    """`hint` is found in every text that the pattern matches: a cheap way past all others."""

    hint: re.Pattern[str]
    marker: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool]


def _always(_found: str) -> bool:
    return True


def _digits(found: str) -> str:
    return re.sub(r"[^0-9Xx]", "", found).upper()


def _is_date(digits: str) -> bool:
    try:
        found = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return False
    return 1880 <= found.year <= 2100


def is_id_card(found: str) -> bool:
    """18 characters with a birth date and a right check digit (GB 11643)."""
    digits = _digits(found)
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=False))
    return _is_date(digits[6:14]) and _CHECK_DIGITS[total % 11] == digits[17]


def _is_old_id_card(found: str) -> bool:
    return _is_date("19" + found[6:12])


def is_bank_card(found: str) -> bool:
    digits = [int(digit) for digit in _digits(found)]
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0 and any(digits)


def _is_mobile(found: str) -> bool:
    number = re.sub(r"^\(?(?:\+|00)?86\)?[ -]*", "", found)
    groups = tuple(len(group) for group in re.split(r"[ .-]+", number))
    return groups in _MOBILE_GROUPS and ("." not in number or groups == (3, 4, 4))


_PROVINCE = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)"
# A year or a count after the name of a messenger is no account (QQ 20000 人).
_NUMBER = r"(?<!\d)\d{5,12}(?!\d|\s?[元块年月日人万个次点度%])"
_HANDLE = r"(?!https?:)[A-Z][A-Z0-9_-]{4,19}(?![A-Z0-9_-]|\.[A-Z])"
_FILLER = (
    r"(?:号码|同号|账号|帐号|账户|联系|方式|手机|电话|微信|群|号|名|id|是|为|我|加|即|qq|vx|[/、和及或]"
    r"|[ :=()\[\]<>《》【】「」“”\"'.,。，-]){0,10}?"
)
_SAID = rf"{_FILLER}(?:号|是|为|:|=|id)[ :=(\[【“\"']*"

_AT = _compile(r"@|#|[(\[{]at[)\]}]")
_LONG = _compile(r"\d(?:[ .()-]{0,3}\d){9}")
_MESSENGER = _compile(
    r"qq|扣扣|加q|企鹅号|群号|微信|[威薇维v]信|加[v微薇]|wechat|weixin|wx|vx|v[ :]"
)

_RULES = (
    # The @ is often written out against robots: (at), [at], #.
    Rule(
        _AT,
        MAIL,
        _compile(
            r"[A-Z0-9._%+-]{1,64}(?:@| ?[(\[{]at[)\]}] ?|#(?=(?:qq|163|126|gmail|sina|foxmail)\b))"
            r"(?:[A-Z0-9-]{1,63}\.)+[A-Z]{2,24}"
        ),
        _always,
    ),
    # Said to be an identity card: masked whatever the check digit says, people mistype.
    Rule(
        _LONG,
        DOCUMENT,
        _compile(r"身份证(?:号码?|[是为: ]){0,4}(?P<id>\d{17}[\dX]|\d{15})(?!\d)"),
        _always,
    ),
    Rule(
        _LONG,
        DOCUMENT,
        _compile(r"(?<!\d)\d{6}[ -]?(?:18|19|20)\d{6}[ -]?\d{3}[\dX](?!\d)"),
        is_id_card,
    ),
    Rule(_LONG, DOCUMENT, _compile(rf"(?<!\d){_PROVINCE}\d{{13}}(?!\d)"), _is_old_id_card),
    Rule(
        _LONG,
        PHONE,
        _compile(r"(?<!\d)(?:\(?(?:\+|00)?86\)?[ -]*)?1[ -]?[3-9](?:[ .-]{0,2}\d){9}(?!\d)"),
        _is_mobile,
    ),
    Rule(
        _LONG,
        PHONE,
        _compile(
            r"(?<![\d.-])\(?0(?:10|2\d|[3-9]\d{2})(?:\) ?| ?- ?| )?"
            r"\d(?:\d{6,7}|\d{2,3}[ -]\d{4})(?:(?: ?转 ?|-)\d{1,6})?(?!\d)"
        ),
        _always,
    ),
    Rule(
        _LONG,
        ACCOUNT,
        _compile(r"(?<!\d)[3-69](?:\d{15,18}|\d{3}(?:[ -]\d{4}){3}(?:[ -]\d{1,3})?)(?!\d)"),
        is_bank_card,
    ),
    Rule(_MESSENGER, ACCOUNT, _compile(r"(?<![A-Z0-9])wxid_[A-Z0-9]{4,30}"), _always),
    Rule(
        _MESSENGER,
        ACCOUNT,
        _compile(rf"(?:(?<![A-Z])qq|扣扣|加q|企鹅号|群号){_FILLER}(?P<id>{_NUMBER})"),
        _always,
    ),
    # A word alone after 微信 may be a product's name; with a sign, a digit or 加 it is an account.
    Rule(
        _MESSENGER,
        ACCOUNT,
        _compile(
            rf"(?:微信|威信|薇信|维信|加[v微薇]|(?<![A-Z])(?:wechat|weixin|vx|wx)(?![A-Z])|v信){_FILLER}"
            rf"(?P<id>{_NUMBER}|(?=[A-Z_-]*\d){_HANDLE})"
        ),
        _always,
    ),
    Rule(
        _MESSENGER,
        ACCOUNT,
        _compile(
            rf"(?:(?:微信|威信|薇信|维信|wechat|weixin){_SAID}"
            rf"|(?:加微信?|加v|(?<![A-Z])(?:vx|wx|v)(?=[ :])|v信){_FILLER})(?P<id>{_HANDLE})"
        ),
        _always,
    ),
)


def mask(text: str) -> str:
    """Phone, identity and bank card numbers, e-mail and messenger ids as markers; idempotent."""
    while True:
        folded = text.translate(_FOLD)
        places = sorted(_places(folded))
        if not places:
            return text
        # Again, since a marker may join a keyword and a number. Each turn takes letters away.
        text = _splice(text, places)


def _places(folded: str) -> Iterator[Place]:
    taken: list[tuple[int, int]] = []
    hinted = {hint for hint in (_AT, _LONG, _MESSENGER) if hint.search(folded)}
    for rule in (rule for rule in _RULES if rule.hint in hinted):
        for match in rule.pattern.finditer(folded):
            start, end = match.span("id") if "id" in rule.pattern.groupindex else match.span()
            free = all(end <= other[0] or start >= other[1] for other in taken)
            if free and rule.holds(folded[start:end]):
                taken.append((start, end))
                yield Place(start, end, rule.marker)


def _splice(text: str, places: list[Place]) -> str:
    parts: list[str] = []
    last = 0
    for place in places:
        parts += (text[last : place.start], place.marker)
        last = place.end
    return "".join([*parts, text[last:]])
