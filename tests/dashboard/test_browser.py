"""The page in a real browser: charts drawn, nothing refused by its own policy."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from storage.corrections import insert_tag_change
from tests.dashboard.conftest import Served
from tests.dashboard.test_judging import address
from tests.dashboard.test_reading import RETAGGED

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=4000",
)


def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        message = "THE PAGE IS NOT TESTED IN A BROWSER: install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def look(folder: Path, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [browser(), *FLAGS, f"--user-data-dir={folder / 'profile'}", *more, url]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", timeout=90, check=True
    )


@pytest.mark.browser
@pytest.mark.timeout(200)
def test_the_page_draws_its_charts_under_its_own_policy(morning: Served, tmp_path: Path) -> None:
    done = look(tmp_path, f"{morning.origin}/?lang=zh", "--dump-dom")
    assert "特别重大" in done.stdout
    assert re.search(r"<canvas|<svg", done.stdout), "no chart was drawn"
    told = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert [line for line in told if "Content Security Policy" in line or "Error" in line] == []


@pytest.mark.browser
@pytest.mark.timeout(200)
def test_a_phone_shows_a_picture_of_it(morning: Served, tmp_path: Path) -> None:
    picture = tmp_path / "phone.png"
    look(
        tmp_path,
        f"{morning.origin}/?lang=zh",
        "--window-size=360,2400",
        "--hide-scrollbars",
        f"--screenshot={picture}",
    )
    head = picture.read_bytes()[:24]
    assert int.from_bytes(head[16:20]) == 360
    assert picture.stat().st_size > 20_000


@pytest.mark.browser
@pytest.mark.timeout(200)
def test_the_other_pages_run_under_it_too(morning: Served, tmp_path: Path) -> None:
    insert_tag_change(morning.parts.store, RETAGGED)
    for path in (address(morning), "/reading?lang=zh", "/?lang=zh"):
        done = look(tmp_path, f"{morning.origin}{path}", "--dump-dom")
        assert "回声" in done.stdout
        told = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        assert [line for line in told if "Content Security" in line or "Error" in line] == []
