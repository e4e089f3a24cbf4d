"""Warnings in the terminal where the process runs."""

import sys
from typing import TextIO

from rich.console import Console
from rich.panel import Panel

from alerting.wording import Notice
from schemas.matters import DeliveryOutcome, Tier

COLOURS = {
    Tier.GENERAL: "blue",
    Tier.LARGER: "yellow",
    Tier.MAJOR: "dark_orange",
    Tier.GRAVE: "red",
}


class ConsoleNotifier:
    name = "console"

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout

    def send(self, notice: Notice) -> tuple[DeliveryOutcome, str]:
        title, *rest = notice.text.splitlines()
        panel = Panel(
            "\n".join(rest),
            title=title.replace("[", r"\["),
            title_align="left",
            border_style=COLOURS[notice.event.tier],
        )
        Console(file=self.stream, markup=True, highlight=False).print(panel)
        self.stream.flush()
        return DeliveryOutcome.SENT, ""
