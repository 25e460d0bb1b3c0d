"""Make .venv from the compiled locks: `python3 demo/launcher/make_venv.py`. Standard library only.

It runs under whatever Python the machine has, before anything is installed. pip installs the pinned uv, uv
installs the rest. Two at once are safe: the second waits, and then finds nothing to do.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
STAMP = VENV / "made_from"
LOCKS = (PROJECT / "requirements.txt", PROJECT / "requirements-dev.txt")
PYTHON = (3, 11)  # the locks are compiled for it


def main() -> int:
    """Make the environment unless it was made from these very locks; return the exit code."""
    if sys.version_info[:2] != PYTHON:
        version = ".".join(str(part) for part in PYTHON)
        found = ".".join(str(part) for part in sys.version_info[:3])
        print(f"Python {version} is needed and {sys.executable} is {found}: install python{version}, "
              f"or name it: make PYTHON=/path/to/python{version}", file=sys.stderr)  # fmt: skip
        return 1
    with LOCKS[0].open() as lock:  # any file that is always there
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (STAMP.exists() and STAMP.read_text() == wanted()):
            try:
                make()
            except subprocess.CalledProcessError as error:
                print(
                    f"the environment was not made: `{error.cmd[0]} ...` failed, see above", file=sys.stderr
                )
                return 1
        STAMP.touch()  # make compares times: a fresh checkout of the same locks is not newer
    return 0


def wanted() -> str:
    """Return what the environment must have been made from: this interpreter and the locks' contents."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in LOCKS))
    return f"{sys.version} {digest.hexdigest()}"


def make() -> None:
    """Make the environment anew; raises CalledProcessError if a step fails."""
    began = time.monotonic()
    print("making the environment from requirements.txt and requirements-dev.txt ...", flush=True)
    try:
        import ensurepip  # noqa: F401 Debian ships it apart
    except ImportError:
        print("Python cannot make environments here: apt-get install python3-venv", file=sys.stderr)
        raise subprocess.CalledProcessError(1, ["ensurepip"]) from None
    run(sys.executable, "-m", "venv", *([] if serves(VENV) else ["--clear"]), str(VENV))
    uv = re.findall(r"^uv==\S+", LOCKS[1].read_text(), re.MULTILINE)[0]
    run(str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", uv)
    python = str(VENV / "bin" / "python")
    run(
        str(VENV / "bin" / "uv"), "pip", "sync", "--quiet", "--python", python, *(str(path) for path in LOCKS)
    )
    STAMP.write_text(wanted())
    print(f"the environment is ready after {time.monotonic() - began:.0f} s", flush=True)


def serves(venv: Path) -> bool:
    """Say whether an environment is there that only has to be brought up to date."""
    settings = venv / "pyvenv.cfg"
    version = ".".join(str(part) for part in sys.version_info[:3])
    return settings.exists() and f"version = {version}" in settings.read_text()


def run(*command: str) -> None:
    """Run a command; raise CalledProcessError if it fails."""
    # uv does not read pip's settings: where pip was pointed to another index, uv goes there too.
    environment = dict(os.environ)
    if "PIP_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["PIP_INDEX_URL"])
    subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    sys.exit(main())
