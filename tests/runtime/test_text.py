"""Masking and normalising, by example and by property."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.mask import is_bank_card, is_id_card, mask
from runtime.text import compatible, normalise, squeeze


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("电话13800138000谢谢", "电话[电话]谢谢"),
        ("138-0013-8000 或 138 0013 8000", "[电话] 或 [电话]"),
        ("+86 13800138000，(+86)138 0013 8000", "[电话]，[电话]"),
        ("１３８００１３８０００", "[电话]"),
        ("1 3 8 0 0 1 3 8 0 0 0", "[电话]"),
        ("座机0791-86123456转801", "座机[电话]"),
        ("(0791)8612345、010 12345678、010 - 12345678", "[电话]、[电话]、[电话]"),
        ("身份证11010519491231002X", "身份证[证件]"),
        ("11010519491231002X", "[证件]"),
        ("11010519491231002x", "[证件]"),
        ("１１０１０５１９４９１２３１００２Ｘ", "[证件]"),
        ("110105 19491231 002X", "[证件]"),
        ("身份证号：110105194912310029", "身份证号：[证件]"),
        ("110105491231002", "[证件]"),
        ("邮箱zhang.san@qq.com，abc(at)163.com", "邮箱[邮箱]，[邮箱]"),
        ("12345678#qq.com ａｂｃ＠qq.com", "[邮箱] [邮箱]"),
        ("QQ:12345678 QQ群 123456789", "QQ:[账号] QQ群 [账号]"),
        ("qq号是 55555，加Q 1234567", "qq号是 [账号]，加Q [账号]"),
        ("微信：zhangsan，微信zhangsan88", "微信：[账号]，微信[账号]"),
        ("加V zhangsan VX:abc_123 威信 wei_xin9", "加V [账号] VX:[账号] 威信 [账号]"),
        ("微信同号13800138000", "微信同号[电话]"),
        ("WeChat ID: zhang_san，wxid_abc123def", "WeChat ID: [账号]，[账号]"),
        ("卡号6222020200112230", "卡号[账号]"),
        ("4111 1111 1111 1111", "[账号]"),
    ],
)
def test_contacts_and_documents_become_markers(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "学费12000元，2026-11-21 08:30开会，2026年11月21日",
        "成绩 138 95 96 97 98，比分3:2，公交301路，拨打12345或400-800-1234",
        "微信支付20000元，QQ 20000人，微信小程序，QQ音乐 2026年",
        "微信公众号：jyj_official 微信 WeChat app TV: channelone",
        "微信：https://mp.weixin.qq.com/s/abc",
        "圆周率3.1415926535，价格1350-1500，学号20261234567",
        "110105194912310020",
        "110105491331002",
        "6222020200112231",
        "https://bbs.example.com/thread-1234567-1-1.html",
        "",
    ],
)
def test_ordinary_numbers_survive(text: str) -> None:
    assert mask(text) == text


PIECES = st.sampled_from(
    [
        "13800138000",
        "微信",
        "QQ",
        "：",
        "加V",
        "zhangsan88",
        "[电话]",
        "[账号]",
        "0791-",
        "8612345",
        "11010519491231002X",
        "a@b.cn",
        " ",
        "-",
        "@",
        "号",
        "群",
        "１３８",
        "6222020200112230",
        "元",
    ]
)


@settings(deadline=None)
@given(st.text() | st.lists(PIECES).map("".join) | st.text(alphabet="0123456789 -Xx@微信Q："))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


@settings(deadline=None)
@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["", "，", "请打", "a"]))
def test_no_mobile_number_survives(number: str, around: str) -> None:
    assert number not in mask(f"{around}{number}{around}")


def test_check_digits() -> None:
    assert is_id_card("11010519491231002X")
    assert not is_id_card("110105194912310021")
    assert not is_id_card("11010519491331002X")
    assert is_bank_card("4111111111111111")
    assert not is_bank_card("4111111111111112")
    assert not is_bank_card("0000000000000000")


def test_squeeze_gives_one_line_that_every_store_takes() -> None:
    assert squeeze("  a\n\tb\u3000c\x00\ud800 ") == "a b c"


def test_normalise_ignores_width_case_and_punctuation() -> None:
    assert normalise("食堂，ＡＢＣ！_x") == normalise("食堂 abc x") == "食堂abcx"


@given(
    st.text(st.one_of(st.sampled_from("，？！：；（）\u0301\u0338\u1100\u1161ｶﾞ①"), st.characters()))
)
def test_the_short_way_to_nfkc_is_nfkc(text: str) -> None:
    assert compatible(text) == unicodedata.normalize("NFKC", text)
