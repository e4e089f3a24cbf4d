"""`huisheng alert` as a process whose clock is fast: a minute is a few seconds here.

Arguments: config folder, speed, and the moment (ISO) at which its clock starts for all of them.
"""

import sys
from datetime import datetime
from pathlib import Path

from monitor.processes import run_stage
from runtime.clock import ScaledClock
from runtime.logs import set_up
from runtime.settings import load_config


def alert(folder: str, speed: str, start: str) -> None:
    set_up()
    real = datetime.fromisoformat(start)
    run_stage("alert", load_config(Path(folder)), ScaledClock(real, real, float(speed)))


if __name__ == "__main__":
    alert(*sys.argv[1:])
