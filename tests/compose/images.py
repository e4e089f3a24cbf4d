"""Images for the services: pulled where a registry can be reached, else built from real engines.

The stand-ins hold the same Kafka and ClickHouse as tests/engines runs, and answer to the same
ports, paths and variables as the official images do; only the images are ours.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.engines.downloads import EngineMissing, find_program

HERE = Path(__file__).parent
STAND_INS = HERE / "stand_ins"
PYTHON = "docker.io/library/python:3.11-slim"
KAFKA = "docker.io/apache/kafka:4.1.1"
CLICKHOUSE = "docker.io/clickhouse/clickhouse-server:26.3"
ENVIRONMENT = {
    **os.environ,
    "CONTAINERS_CONF": str(HERE / "containers.conf"),
    "BUILDAH_ISOLATION": "chroot",
}
PULL_SECONDS = 20
BUILD_SECONDS = 600


def podman(*arguments: str, seconds: float = BUILD_SECONDS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["podman", *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def make_images(kafka_libs: Path, clickhouse_library: Path) -> None:
    """Those that are not there yet. Raises EngineMissing when one can't be had."""
    find_program("podman", "install podman, buildah and runc")
    if not _there(PYTHON):
        _make_python()
    if not _there(KAFKA):
        _build(KAFKA, "kafka.Dockerfile", [STAND_INS / "start_kafka.py"], {"libs": kafka_libs})
    if not _there(CLICKHOUSE):
        files = [STAND_INS / "start_clickhouse.py", STAND_INS / "wget", clickhouse_library]
        _build(CLICKHOUSE, "clickhouse.Dockerfile", files, {})


def _there(image: str) -> bool:
    if podman("image", "exists", image).returncode == 0:
        return True
    try:
        return podman("pull", "-q", image, seconds=PULL_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _make_python() -> None:
    """Debian's Python, with this machine's certificates and pip settings for the builds."""
    debootstrap = find_program("mmdebstrap", "install mmdebstrap, or let podman pull images")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root.tar"
        options = [f"--aptopt={file}" for file in sorted(Path("/etc/apt/apt.conf.d").iterdir())]
        include = "--include=ca-certificates,python3,python3-venv"
        command = [debootstrap, "--quiet", "--variant=minbase", include, *options]
        _run([*command, "bookworm", str(root)])
        _checked(podman("import", "-q", str(root), "localhost/debian-python"))
    settings = Path("/etc/pip.conf")
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "pip.conf"
        own.write_text(settings.read_text() if settings.exists() else "")
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        _build(PYTHON, "python.Dockerfile", [own, certificates], {})


def _build(image: str, dockerfile: str, files: Sequence[Path], folders: dict[str, Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        shutil.copy(STAND_INS / dockerfile, context / "Dockerfile")
        for file in files:
            shutil.copy(file, context)
        for name, source in folders.items():
            shutil.copytree(source, context / name)
        options = ["--isolation=chroot", "--network=host", "--layers", "-q", "-t", image]
        _checked(podman("build", *options, str(context)))


def _run(command: Sequence[str]) -> None:
    _checked(subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS))


def _checked(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode:
        found = (done.stdout + done.stderr)[-1500:]
        message = f"{' '.join(done.args)}: exit {done.returncode}: {found}"
        raise EngineMissing(message)
