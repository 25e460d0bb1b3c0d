"""Takes each guard away in a copy of the project and sees its tests fail: `make guards`, or `ONLY=4.4 make guards`.

Prints a line a guard and ends with exit code 1 if one is held by no test. `python -m tests.guards page` writes
docs/guards.md instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.guards.guard import Guard
from tests.guards.guards import GUARDS
from tests.guards.page import PAGE, ROOT, page

SECONDS = 900  # of one guard's tests; a minute on an idle machine
# pytest's exit codes: 1 is "a test, or what it stands on, failed"; any other end proves nothing.
PASSED, FAILED = 0, 1


def copy_of_the_project(folder: Path) -> Path:
    """Copy what is tracked to *folder*, with the environment beside it."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    return folder


def run(project: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run *tests* in *project* until the first failure."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": "plugins", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def try_guard(project: Path, guard: Guard) -> str | None:
    """Run the guard's tests without it; return what is wrong, None where one of them failed as it should."""
    file = project / guard.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace(guard.text, guard.instead), encoding="utf-8")
    try:
        ended = run(project, guard.tests)
    except subprocess.TimeoutExpired:
        return f"its tests did not end in {SECONDS} s"
    finally:
        file.write_text(whole, encoding="utf-8")
    if ended.returncode == PASSED:
        return "no test fails without it"
    if ended.returncode != FAILED:
        return f"its tests did not run: {ended.stdout[-1500:]}{ended.stderr[-500:]}"
    return None


def main() -> int:
    """Try all guards, or those whose section or rule has a word of ONLY."""
    only = os.environ.get("ONLY", "")
    chosen = [one for one in GUARDS if only in f"{one.section} {one.rule}"]
    missing = []
    with tempfile.TemporaryDirectory(prefix="guards-") as folder:
        os.chmod(folder, 0o711)  # noqa: S103 PostgreSQL's own user looks through it where we are root
        project = copy_of_the_project(Path(folder))
        if os.environ.get("FIRST", "yes") == "yes":
            # A test that fails anyway would hold every guard.
            for tests in sorted({guard.tests for guard in chosen}):
                ended = run(project, tests)
                if ended.returncode != PASSED:
                    print(
                        f"FAILS WITH EVERY GUARD IN PLACE {' '.join(tests)}\n{ended.stdout[-3000:]}",
                        flush=True,
                    )
                    missing.append(" ".join(tests))
        for guard in chosen:
            wrong = try_guard(project, guard)
            said = (
                f"GAP  {guard.section} {guard.rule}: {wrong}"
                if wrong
                else f"held {guard.section} {guard.rule}"
            )
            print(said, flush=True)
            if wrong:
                missing.append(guard.rule)
    print(f"{len(chosen) - len(missing)} of {len(chosen)} guards are held")
    return 1 if missing else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["page"]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.exit(main())
