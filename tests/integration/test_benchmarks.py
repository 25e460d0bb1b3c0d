"""The benchmarks run whole at a tiny size and print what they promise; no bar is held here, since none could be."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.bars import BARS, NAMES, Ratio, line, table

ROOT = Path(__file__).parents[2]
TINY = ("--accounts", "300", "--requests", "60", "--repetitions", "1")


@dataclass(frozen=True)
class Ended:
    """A run of the benchmarks: what it printed, and what it left in its folder of temporary files."""

    output: str
    progress: str
    exit_code: int
    leftovers: list[Path]


@pytest.fixture(scope="module")
def tiny_run(runtime_folder: Path) -> Iterator[Ended]:
    folder = Path(tempfile.mkdtemp(dir=runtime_folder))
    folder.chmod(0o711)  # the server of the benchmarks is nobody's where we are root
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins"), "TMPDIR": str(folder)}
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", *TINY],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    yield Ended(ran.stdout, ran.stderr, ran.returncode, list(folder.iterdir()))
    shutil.rmtree(folder, ignore_errors=True)


def test_every_ratio_is_printed_once_as_a_positive_finite_number(tiny_run):
    printed = re.findall(r"^BENCH (\w+) (\S+)$", tiny_run.output, re.MULTILINE)

    assert tiny_run.exit_code == 0, tiny_run.progress
    assert [name for name, _ in printed] == list(NAMES)
    assert all(math.isfinite(float(value)) and float(value) > 0 for _, value in printed)


def test_the_table_at_the_end_says_of_every_bar_whether_it_is_met(tiny_run):
    verdicts = re.findall(r"^(\w+) .* (met|MISSED) ", tiny_run.output, re.MULTILINE)

    assert [name for name, _ in verdicts] == list(NAMES)


def test_nothing_is_left_behind(tiny_run):
    assert tiny_run.leftovers == []


def test_a_bar_says_which_side_of_it_is_good():
    lines = table(
        [
            Ratio(name="detection_per_scan", value=2.1, sides=""),
            Ratio(name="sender_per_wrk", value=0.71, sides=""),
        ]
    )

    assert {one.split()[0]: "MISSED" in one for one in lines[1:]} == {
        "detection_per_scan": True,
        "sender_per_wrk": False,
    }


def test_a_value_is_printed_for_programs_with_a_point_and_no_unit():
    assert line(Ratio(name=BARS[0].name, value=1.23456, sides="")) == "BENCH detection_per_scan 1.235"


def test_an_unknown_name_is_refused_before_anything_starts():
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "detection_per_scan,speed"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 2
    assert "no ratio is called speed" in ran.stderr
