"""A short reply with no topic of its own takes over its thread's; what it says itself it keeps."""

import re

from analyzers.decisions import NOT_EDUCATION, Decided
from schemas.posts import Owed, Post, Why

# A longer reply says itself what it is about.
SHORT = 40
OTHER = ("education_other", NOT_EDUCATION)
# Who asks or suffers the same is owed the same; all else (顶, 沙发) only adds a voice.
_SAME = re.compile(r"同问|同求|同款|同样|一样|[+＋]\s*1|蹲|我也|我们也|我家也|俺家也|也是这|也遇到")


def continues(post: Post, topics: tuple[str, ...]) -> bool:
    """Whether the post is a reply that only its thread's title gives a topic."""
    title = (post.thread_title or "").strip()
    text = f"{post.title} {post.body}".strip()
    if not title or len(text) > SHORT + len(post.title) * (post.title == title):
        return False
    return not topics or topics[0] in OTHER


def inherited(post: Post, own: Decided, opening: Decided) -> Decided:
    """Danger is never taken over: a reply to bad news is no second piece of it."""
    if not opening.topics or opening.topics[0] == NOT_EDUCATION:
        return own
    same = own.owed is Owed.MENTION and _SAME.search(post.body)
    kept = [why for why in own.why if why.tag not in own.topics]
    words = ((post.thread_title or "")[:SHORT],)
    return Decided(
        topics=opening.topics,
        owed=opening.owed if same else own.owed,
        danger=own.danger,
        department=opening.department,
        why=[*(Why(tag=topic, by="thread", words=words) for topic in opening.topics), *kept],
    )
