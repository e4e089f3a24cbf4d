"""How a warning leaves the house. A notifier costs one file here and one entry in `build`."""

from typing import Protocol

from alerting.notifiers.console import ConsoleNotifier
from alerting.notifiers.webhook import WebhookNotifier
from alerting.wording import Notice
from runtime.config import NotifySettings
from schemas.matters import DeliveryOutcome


class Notifier(Protocol):
    name: str

    def send(self, notice: Notice) -> tuple[DeliveryOutcome, str]:
        """The outcome and its detail in words; never raises for what the receiver does."""
        ...


def build(settings: NotifySettings) -> list[Notifier]:
    console: list[Notifier] = [ConsoleNotifier()] if settings.console else []
    return console + [WebhookNotifier(hook.name, hook.url) for hook in settings.webhook]
