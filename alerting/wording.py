"""What a warning says, in the words that the office uses. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtime.clock import SHANGHAI
from schemas.matters import TIER_NAMES, Event, EventKind, NotifyReason, Tier

KINDS = {
    EventKind.OPENED: "新事项",
    EventKind.RAISED: "升级",
    EventKind.LOWERED: "降级",
    EventKind.CLOSED: "结束",
    EventKind.REOPENED: "二次发酵",
}
REASONS = {
    NotifyReason.CONCERNS: "24 小时内多条诉求",
    NotifyReason.NEWS_CONCERN: "媒体报道了投诉、待核实说法或险情",
    NotifyReason.VOLUME: "帖子和回复达到数量",
    NotifyReason.GROWING: "帖子和回复增多且在上升",
    NotifyReason.KEY_GROWING: "重点话题或时段，且在上升",
    NotifyReason.VIEWS: "阅读量达到数量",
    NotifyReason.NEWS: "媒体报道",
    NotifyReason.DANGER: "有帖子称有人受伤、患病或处于危险",
    NotifyReason.BELOW_LEVEL: "已持续回落",
    NotifyReason.OPERATOR: "值班员处理后降级",
    NotifyReason.QUIET: "已无新的诉求",
}


@dataclass(frozen=True)
class Notice:
    """One warning: `text` is what a group reads."""

    event: Event
    topic: str
    text: str


def word(event: Event, topics: Mapping[str, str]) -> Notice:
    """`topics` gives the Chinese name of each topic's key."""
    topic = topics.get(event.key.topic, event.key.topic)
    window = event.window
    unverified = "·待核实" if event.tier is Tier.GRAVE and event.kind in _TOWARDS else ""
    at = event.at.astimezone(SHANGHAI)
    lines = [
        f"【回声·{TIER_NAMES[event.tier]}{unverified}】{event.key.unit or '全区'} · {topic}",
        f"{KINDS[event.kind]}：{REASONS[event.reason]}（{at:%m月%d日 %H:%M}）",
        f"24 小时：{window.posts} 帖，其中 {window.concerns} 条待答复；"
        f"{window.sites} 个网站，新增回复 {window.replies}",
    ]
    if window.coverage < 1:
        lines[-1] += f"；采集覆盖 {window.coverage:.0%}，数字可能偏低"
    if event.report_by:
        lines.append(f"请于 {event.report_by.astimezone(SHANGHAI):%m月%d日 %H:%M} 前上报")
    return Notice(event, topic, "\n".join(lines))


_TOWARDS = (EventKind.OPENED, EventKind.RAISED, EventKind.REOPENED)
