"""Install peerstats from the lock and run it; `python start.py test` runs its tests.

Works with nothing but Python 3.11 or later and pip, in any shell of Linux, macOS and Windows.
Inside a virtual environment that one is used; outside, a `.venv` is made here, so nothing else on
the machine is touched. Words after the job are handed on: `python start.py run founding`.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
JOBS = {"run": ["-m", "peerstats.run"], "test": ["-m", "pytest"]}


def python() -> str:
    """Return the interpreter of the active virtual environment, or of a new one here."""
    if sys.prefix != sys.base_prefix:
        return sys.executable
    folder = HERE / ".venv"
    inside = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not inside.exists():
        print(f"making the virtual environment {folder}", flush=True)
        venv.create(folder, with_pip=True)
    return str(inside)


def install(interpreter: str) -> None:
    """Install exactly what the lock pins, then this checkout without looking for anything else."""
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "--requirement", str(LOCK)], check=True)
    build = ["--no-deps", "--no-build-isolation", "--force-reinstall"]
    subprocess.run([*pip, *build, str(HERE)], check=True)


def main(words: list[str]) -> int:
    """Install, do the job, return its exit code."""
    if sys.version_info < (3, 11):
        print(f"peerstats needs Python 3.11 or later; this is {sys.version.split()[0]}.")
        return 2
    job, *rest = words or ["run"]
    if job not in JOBS:
        print(f"'{job}' is no job; choose {' or '.join(JOBS)}.")
        return 2
    interpreter = python()
    try:
        install(interpreter)
    except subprocess.CalledProcessError:
        print("The installation failed; what pip said stands above.")
        return 6
    return subprocess.run([interpreter, *JOBS[job], *rest], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
