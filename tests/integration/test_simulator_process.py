"""The simulator as a process: its ports, its signals, its log, and how it says that it cannot start."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.simulator_client import a_number, a_request, an_account, an_existing_account, ask, send
from tests.simulator_process import ROOT, SimulatorProcess, free_port


def test_the_control_port_is_on_the_loopback_address_only_whatever_host_says() -> None:
    with SimulatorProcess(host="0.0.0.0") as simulator:  # noqa: S104 that is the point
        port, control_port = (int(url.rsplit(":", 1)[1]) for url in (simulator.url, simulator.control_url))

        socket.create_connection(("127.0.0.2", port), timeout=2).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", control_port), timeout=2)


def test_sigterm_ends_it_within_two_seconds_though_connections_hang(platform: SimulatorProcess) -> None:
    platform.set_faults({"kind": "hang_after"})
    clients = [
        threading.Thread(target=swallow, args=(platform, a_request("CREATE_ACCOUNT", an_account(), name="A")))
        for _ in range(8)
    ]
    for client in clients:
        client.start()
    while len(platform.ledger()) < 8:
        time.sleep(0.02)
    began = time.monotonic()

    code = platform.stop()

    assert code == 0
    assert time.monotonic() - began < 2
    for client in clients:
        client.join()
    platform.start()
    assert len(platform.accounts()) == 8


def swallow(platform: SimulatorProcess, body: bytes) -> None:
    """Send and do not care what comes of it."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        send(platform, body)


def test_the_log_has_a_line_for_start_faults_and_stop_and_no_credentials(platform: SimulatorProcess) -> None:
    ask(platform, "CREATE_ACCOUNT", an_account(), name="Anna Anonymous")
    send(
        platform,
        a_request("CREATE_ACCOUNT", a_number(), name="A"),
        headers={"Authorization": "Basic c2VjcmV0"},
    )
    platform.set_faults({"kind": "hang_before"}, {"kind": "slow"})
    platform.stop()

    lines = platform.log().splitlines()

    assert [re.sub(r"^\S+ \S+ tucano ", "", line).split(":")[0] for line in lines] == [
        "started",
        "faults",
        "stopped",
    ]
    assert "hang_before, slow" in lines[1]
    assert not re.search(f"{platform.password}|{platform.user}:|c2VjcmV0|Anonymous", platform.log())
    platform.start()


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the simulator with these arguments and wait for it to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "demo.simulator", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize(
    "given", [{}, {"TUCANO_USER": "tucano"}, {"TUCANO_USER": "t", "TUCANO_PASSWORD": ""}]
)
def test_without_credentials_it_does_not_start_and_says_what_to_set(
    tmp_path: Path, given: dict[str, str]
) -> None:
    ended = start("--state", str(tmp_path / "state"), **given)

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "TUCANO_USER and TUCANO_PASSWORD" in ended.stderr


@pytest.mark.parametrize("taken", ["--port", "--control-port"])
def test_a_port_in_use_is_one_clear_line_and_exit_code_two(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"--port": free_port(), "--control-port": free_port(), taken: other.getsockname()[1]}
        ended = start(
            *("--state", str(tmp_path / "state")),
            *(str(each) for pair in ports.items() for each in pair),
            TUCANO_USER="tucano",
            TUCANO_PASSWORD="secret",
        )

    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1 port {ports[taken]}" in ended.stderr


def test_a_state_file_in_use_or_not_ours_is_one_clear_line_and_exit_code_two(
    platform: SimulatorProcess, tmp_path: Path
) -> None:
    not_ours = tmp_path / "letter.txt"
    not_ours.write_text("Dear customer, " * 100)
    for state, reason in ((platform.state, "another simulator uses it"), (not_ours, "not a database")):
        ended = start(
            "--state", str(state), "--port", "0", "--control-port", "0", TUCANO_USER="a", TUCANO_PASSWORD="b"
        )

        assert ended.returncode == 2
        assert ended.stderr.count("\n") == 1
        assert reason in ended.stderr


def test_help_names_every_kind_of_fault() -> None:
    from demo.simulator.kinds import KINDS

    ended = start("--help")

    assert ended.returncode == 0
    assert all(kind in ended.stdout for kind in KINDS)


def test_it_imports_nothing_of_the_product() -> None:
    sources = (ROOT / "demo" / "simulator").glob("*.py")

    assert not [
        source.name
        for source in sources
        if re.search(r"^\s*(from|import) provisioner", source.read_text(), re.M)
    ]


def test_ctrl_c_ends_it_as_cleanly_as_sigterm(platform: SimulatorProcess) -> None:
    account = an_existing_account(platform)

    assert platform.stop(signal.SIGINT) == 0
    platform.start()
    assert platform.account(account)["exists"]
