"""An operator's action, checked and written to the audit trail; the page and the CLI call it."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from dashboard.standing import danger_of, latch_of
from dashboard.words import Words
from runtime.clock import Clock
from runtime.mask import mask
from runtime.text import squeeze
from schemas.matters import Action, ActionKind, Matter
from storage.matters import insert_action
from storage.page import standing_matters
from storage.store import Store

OPERATOR_LENGTH = 40
NOTE_LENGTH = 500


@dataclass(frozen=True)
class ActionRequest:
    """As typed. `note`: for `reported` to whom, for `lower` the reason; both need one."""

    matter_id: str
    kind: str
    operator: str
    note: str = ""


class Refusal(StrEnum):
    """Why an action was not written; words.toml says it as `refused_…`."""

    KIND = "kind"
    OPERATOR = "operator"
    NOTE_LONG = "note_long"
    TO_WHOM = "to_whom"
    REASON = "reason"
    CLOSED = "closed"
    CONFIRM = "confirm"
    LOWER = "lower"
    ORIGIN = "origin"
    SIZE = "size"


class ActionRefused(Exception):
    """Finding and remedy, in English as `str()` and in either language by `say`."""

    def __init__(self, refusal: Refusal, found: object = "") -> None:
        self.refusal, self.found = refusal, found
        super().__init__(self.say(Words("en")))

    def say(self, words: Words) -> str:
        return words(f"refused_{self.refusal.value}", found=self.found)


def record(store: Store, clock: Clock, request: ActionRequest) -> Action:
    """Write the action and return it; raises ActionRefused. Phone numbers in a note are masked."""
    kind = _kind(request.kind)
    operator, note = squeeze(request.operator), mask(squeeze(request.note))
    _check_texts(kind, operator, note)
    now = clock.now()
    matters = {matter.id: matter for matter in standing_matters(store, now)}
    _check_matter(kind, matters.get(request.matter_id), request.matter_id)
    action = Action(
        id=uuid4().hex,
        matter_id=request.matter_id,
        kind=kind,
        at=now,
        operator=operator,
        note=note,
    )
    insert_action(store, action)
    return action


def _kind(kind: str) -> ActionKind:
    try:
        return ActionKind(kind)
    except ValueError as error:
        raise ActionRefused(Refusal.KIND, kind[:40]) from error


def _check_texts(kind: ActionKind, operator: str, note: str) -> None:
    if not 1 <= len(operator) <= OPERATOR_LENGTH:
        raise ActionRefused(Refusal.OPERATOR, len(operator))
    if len(note) > NOTE_LENGTH:
        raise ActionRefused(Refusal.NOTE_LONG, len(note))
    if kind is ActionKind.REPORTED and not note:
        raise ActionRefused(Refusal.TO_WHOM)
    if kind is ActionKind.LOWER and not note:
        raise ActionRefused(Refusal.REASON)


def _check_matter(kind: ActionKind, matter: Matter | None, matter_id: str) -> None:
    if matter is None or not matter.open:
        raise ActionRefused(Refusal.CLOSED, matter_id[:80])
    if kind is ActionKind.CONFIRM and not danger_of(matter):
        raise ActionRefused(Refusal.CONFIRM, matter_id)
    if kind is ActionKind.LOWER and not latch_of(matter):
        raise ActionRefused(Refusal.LOWER, matter_id)
