"""What tagging loads: the stages run without the library that fits models, and its memory."""

import subprocess
import sys

CODE = "import sys, analyzers.tag, analyzers.worker; print(*sys.modules)"


def test_tagging_loads_neither_scikit_learn_nor_scipy() -> None:
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in told.stdout.split()}
    assert "numpy" in loaded
    assert not {"sklearn", "scipy", "pandas"} & loaded
