"""Log lines of a process whose stderr is no terminal: JSON, with stage and instance, told once."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import logging, warnings
from runtime.logs import Outage, logger, set_up
set_up()
lines = logger("analyze")
outage = Outage(lines)
for number in range(5):
    outage.away(f"no broker: object at {number}")
outage.back()
outage.back()
lines.info("batch stored", ranges=["posts/0:1-9"])
try:
    raise ValueError("食堂")
except ValueError:
    lines.exception("failed")
logging.getLogger("kafka.conn").error("ten of these a second")
logging.getLogger("uvicorn.error").warning("100% of it")
try:
    raise ValueError("in a route")
except ValueError:
    logging.getLogger("uvicorn.error").exception("failed")
warnings.warn("old call")
"""


def told(script: str) -> list[dict[str, object]]:
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_each_line_is_json_with_its_stage_and_instance() -> None:
    lines = told(SCRIPT)
    assert all({"stage", "instance", "level", "timestamp", "event"} <= set(line) for line in lines)
    assert [line["event"] for line in lines[:4]] == ["waits", "goes on", "batch stored", "failed"]
    assert lines[0]["problem"] == "no broker: object at 0"
    assert lines[1]["tries"] == 5
    assert "食堂" in str(lines[3]["exception"])


def test_other_libraries_speak_in_our_form_and_rarely() -> None:
    others = [line for line in told(SCRIPT) if line["stage"] == "library"]
    levels = [(line["library"], line["level"]) for line in others]
    uvicorn = "uvicorn.error"
    assert levels == [(uvicorn, "warning"), (uvicorn, "error"), ("py.warnings", "warning")]
    assert "ValueError: in a route" in str(others[1]["exception"])
