"""Where a unit's name was found in a text: does it stand there as a name, and as this unit's?

Called by the unit finder and the suggestions. Pure; parts of speech come from the segmenter.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

from analyzers.segment import Segmenter
from analyzers.unit_names import NUMERALS, UnitNames, distinctive

SHORT = 3
LEVELS = frozenset("省市区县旗州镇乡村")
# Words that end like a place and are none: 小区一中 is not the 一中 of a district called 小.
_NO_PLACES = frozenset(
    re.findall(r"\w+", "小区 社区 城区 学区 校区 片区 地区 市区 园区 新区 老区 辖区 乡镇 农村")
)
_OURS = frozenset(re.findall(r"\w+", "我 本 全 该 咱 我们 咱们 你 你们 某"))
# Nouns that stand right before a school's name without being part of another one's.
_BEFORE = frozenset(
    re.findall(
        r"\w+",
        """
    孩子 小孩 儿子 女儿 闺女 娃 娃娃 宝宝 哥哥 姐姐 弟弟 妹妹 妈妈 爸爸 爸妈 父母 老公 老婆 老妈
    老爸 爷爷 奶奶 外甥 侄子 侄女 表弟 表妹 家长 老师 学生 同学 朋友 邻居 校长 新生 网友 群众 市民
    人家 大家 家 全家 本地 教育局 学籍 户口 校门 门口 母校 名校 幼儿园 小学 初中 高中 中考 高考
    消息 新闻 通知 问题 事情 情况 时候 时间 早上 早晨 上午 中午 下午 晚上 周末 学期 暑假 寒假 谢谢
    多谢 建议 曝光 吐槽 联系 领导 质问 转学 转到 体验 参观 公告 通告 听闻 网传 传闻 惊闻 关键 结果
    原因 现场 视频 图片 快讯 独家 问 祝贺 抗议 我娃 楼主 亲们 姐妹 宝妈 宝爸 师傅 阿姨 叔叔 外公
    外婆 姥姥 姥爷 历年 往年 政府 教委 学位 入学 新学期 开学 公办 民办 重点 普通 操场 食堂 宿舍
    对面 公交 校车 资料 费用
""",
    )
)
# 一中附小 is a school of its own.
PART_OF_SCHOOL = ("附属", "附小", "附中", "附幼")
# What the dictionary does not take for a name.
_NAMES = frozenset(
    re.findall(r"\w+", "附属 附 高新 经开 城东 城西 城南 城北 实验 进修 国际 双语 分校")
)
_SCHOOLS = ("小学", "中学", "学校", "学院", "大学")
_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_ORDINAL = re.compile(rf"第?[{NUMERALS}百零〇\d]+")
_COUNTED = re.compile(rf"[{NUMERALS}\d]+小")
# 一小碗 is a small bowl. Not 条, 点, 口, 组: they also begin other words.
_MEASURES = frozenset("碗块段瓶把盒份勺袋撮截滴颗杯串堆罐桶篮粒盘")
_DIGIT = frozenset("0123456789零〇一二三四五六七八九十百")


class Surroundings:
    """A text without its spaces, and the words in it."""

    def __init__(self, text: str, words: Iterable[str], segmenter: Segmenter) -> None:
        self.text = text
        self._segmenter = segmenter
        self._gaps: set[int] = set()
        words = list(words)
        ends = list(accumulate(map(len, words)))
        self._words = dict(zip(ends, words, strict=True))
        if ends and ends[-1] > len(text):
            self._leave_out_spaces(words)

    def _leave_out_spaces(self, words: Sequence[str]) -> None:
        self._words, end = {}, 0
        for word in words:
            kept = word.replace(" ", "")
            if kept:
                end += len(kept)
                self._words[end] = kept
            if len(kept) < len(word):
                self._gaps.add(end)

    def is_word(self, start: int, end: int) -> bool:
        return len(self._words.get(end, "")) == end - start

    def is_border(self, at: int) -> bool:
        return at == 0 or at in self._words

    def is_gap(self, at: int) -> bool:
        """A space stood here."""
        return at in self._gaps

    def word_before(self, at: int) -> str:
        """The word that ends at `at`, or as much of one as lies before it; "" at the beginning."""
        if at in self._words:
            return self._words[at]
        end = next((end for end in range(at, len(self.text) + 1) if end in self._words), 0)
        begin = end - len(self._words.get(end, ""))
        return self.text[begin:at]

    def kind(self, word: str) -> str:
        """Its part of speech."""
        return self._segmenter.part_of_speech(word)

    def is_name(self, word: str) -> bool:
        """Part of a proper name, as far as the dictionary can tell."""
        if not _CHINESE.fullmatch(word) or word in _BEFORE:
            return False
        if len(word) > 2 and word.endswith(_SCHOOLS):
            return True
        return self.kind(word)[:1] in ("n", "j") or word in _NAMES or bool(_ORDINAL.fullmatch(word))


def stands_as_name(around: Surroundings, start: int, end: int) -> bool:
    """Not cut out of other words or of a number: 一中 is neither in 一中午 nor in 十一中."""
    text, before = around.text, around.text[max(start - 1, 0) : start]
    if text[start] in _DIGIT:
        if before == "第" or before in _DIGIT or _counts(text, start, end):
            return False
        if before in ("高", "初", "大") and around.word_before(start) == before:
            return False
    if end - start > SHORT or around.is_word(start, end):
        return True
    if before in LEVELS and around.is_word(start - 1, end):
        return True
    return text[start].isdigit() and around.is_border(start) and around.is_border(end)


def _counts(text: str, start: int, end: int) -> bool:
    """一小碗, and 一小 in 一大一小 and 一老一小."""
    if not _COUNTED.fullmatch(text, start, end):
        return False
    paired = start > 1 and text[start - 1] in "大老" and text[start - 2] == text[start]
    return paired or text[end : end + 1] in _MEASURES


def of_other_school(around: Surroundings, start: int, unit: UnitNames) -> bool:
    """A place or name right before it makes it another school: 江南区一中, 育才一中, 市一中.

    市一中 is this unit's if this unit is a city's.
    """
    word = around.word_before(start)
    if word in _NO_PLACES:
        return False
    if word[-1:] not in LEVELS:
        # Past a space only a place goes with the name: 柳河 一中, but not 晚报 一中.
        return around.kind(word) == "ns" or (around.is_name(word) and not around.is_gap(start))
    level = unit.seat[-1:]
    if len(word) == 1:
        prior = around.word_before(start - 1)
        # Letters and digits stand for a place as well: A1区.
        return word != level or around.is_name(prior) or (prior.isascii() and prior.isalnum())
    return word[:-1] not in _OURS or word[-1] != level


def after_place(around: Surroundings, start: int) -> bool:
    """Right after a place, as far as the dictionary and its ending tell."""
    word = around.word_before(start)
    return around.kind(word) == "ns" or (word[-1:] in LEVELS and word not in _NO_PLACES)


def stands_in(text: str, start: int, spelling: str, unit: UnitNames) -> bool:
    """Its own place stands right before it: 青禾区 before 一小.

    A wider one will do for a name of its own: 南原市柳湾小学, but 南原市一小 is the city's.
    """
    if text.endswith(unit.seat_forms, 0, start):
        return True
    return text.endswith(unit.place_forms, 0, start) and bool(distinctive(spelling))
