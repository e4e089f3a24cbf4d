"""A short reply with no topic of its own takes over its thread's; what it says itself it keeps."""

import re

from analyzers.decisions import NOT_EDUCATION, Decided
from schemas.posts import Owed, Post, Why

# A longer reply says itself what it is about.
SHORT = 40
OTHER = ("education_other", NOT_EDUCATION)
# Who asks or suffers the same is owed the same; all else (顶, 沙发) only adds a voice.
_SAME = re.compile(r"同问|同求|同款|同样|一样|[+＋]\s*1|蹲|我也|我们也|我家也|俺家也|也是这|也遇到")
# Nothing but a voice: whatever a classifier guesses of it, it has no topic of its own.
_VOICE = re.compile(
    r"[\W_]*(?:(?:同问|同求|同感|同上|[+＋]\s*1(?:0086)?|加一|蹲一?个?|顶(?:上去|一下)?|d|up|mark"
    r"|马克|马一下|沙发|板凳|占座|附议|围观|支持(?:楼主)?|我(?:家|们)?也是?)[\W_]*)+",
    re.IGNORECASE,
)


def continues(post: Post, topics: tuple[str, ...]) -> bool:
    """Whether the post is a reply that only its thread's title gives a topic."""
    if not (post.thread_title or "").strip():
        return False
    text = _said(post)
    return len(text) <= SHORT and (not topics or topics[0] in OTHER or _only_voice(text))


def inherited(post: Post, own: Decided, opening: Decided) -> Decided:
    """Danger is never taken over: a reply to bad news is no second piece of it."""
    text = _said(post)
    voice = _only_voice(text)
    if not opening.topics or (opening.topics[0] == NOT_EDUCATION and not voice):
        return own
    same = (
        (own.owed is Owed.MENTION or voice)
        and opening.owed is not Owed.MENTION
        and bool(_SAME.search(text))
    )
    taken = [*opening.topics]
    taken += [opening.owed.value] if same else []
    taken += ["department"] if opening.department else []
    left = {*own.topics, *taken, *((own.owed.value,) if same else ())}
    words = ((post.thread_title or "")[:SHORT],)
    return Decided(
        topics=opening.topics,
        owed=opening.owed if same else own.owed,
        danger=own.danger,
        department=opening.department or own.department,
        why=[
            *(Why(tag=tag, by="thread", words=words) for tag in taken),
            *(why for why in own.why if why.tag not in left),
        ],
    )


def _said(post: Post) -> str:
    """Without the thread's title where the reply repeats it."""
    repeated = post.title.strip() == (post.thread_title or "").strip()
    return (post.body if repeated else f"{post.title} {post.body}").strip()


def _only_voice(text: str) -> bool:
    return bool(_VOICE.fullmatch(text))
