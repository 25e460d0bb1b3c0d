"""Start the Tucano simulator: python -m demo.simulator --help."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import uvloop
from aiohttp import web

from demo.simulator.app import Credentials, Platform
from demo.simulator.contract import REQUESTS_PATH, Contract
from demo.simulator.control import Control
from demo.simulator.desk import Desk
from demo.simulator.faults import Faults
from demo.simulator.kinds import KINDS
from demo.simulator.listener import Listener, bind
from demo.simulator.store import StateFileError, Store

# Whoever reaches the control port can break the platform: never further than this machine.
CONTROL_HOST = "127.0.0.1"
GRACE_SECONDS = 0.2  # for answers already decided; hanging connections get no more than that either
CANNOT_START = 2

log = logging.getLogger("tucano")


class StartError(Exception):
    """The simulator cannot start; the message is one line and says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        return uvloop.run(_serve(asked))
    except (StartError, StateFileError) as error:
        print(f"tucano simulator: {error}", file=sys.stderr)
        return CANNOT_START


async def _serve(asked: argparse.Namespace) -> int:
    credentials = _credentials(asked.forbidden_user)
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not stop.done():
            stop.set_result(code)

    def disk_failed(error: BaseException) -> None:
        log.error("stopping, the state file cannot be written: %s", error)
        end(1)

    store = Store(asked.state, on_failure=disk_failed)
    desk = Desk(store=store, contract=Contract.read(), unknown_options=asked.unknown_options)
    platform = Platform(desk=desk, faults=Faults(), credentials=credentials)
    server = web.Server(platform.answer, handler_cancellation=True, access_log=None)
    listener = Listener(asked.host, asked.port, server, platform)
    control = web.AppRunner(Control(platform, listener).application(), access_log=None, shutdown_timeout=0.1)
    try:
        await _open(listener.open(), asked.host, asked.port)
        await control.setup()
        await _open(_listen(control, asked.control_port), CONTROL_HOST, asked.control_port)
        control_port = control.addresses[0][1]
        log.info(
            "started: platform http://%s:%d%s, control http://%s:%d, state %s",
            asked.host, listener.port, REQUESTS_PATH, CONTROL_HOST, control_port, asked.state,
        )  # fmt: skip
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, 0)
        code = await stop
    finally:
        platform.drop_unfinished()
        listener.let_go()
        store.flush()
        await asyncio.sleep(GRACE_SECONDS)
        listener.close()
        await control.cleanup()
        store.close()
    log.info("stopped")
    return code


async def _listen(control: web.AppRunner, port: int) -> None:
    await web.SockSite(control, bind(CONTROL_HOST, port)).start()


async def _open(opening: object, host: str, port: int) -> None:
    try:
        await opening  # type: ignore[misc]
    except OSError as error:
        raise StartError(f"cannot listen on {host} port {port}: {error.strerror or error}") from None


def _credentials(forbidden_user: str | None) -> Credentials:
    user, password = os.environ.get("TUCANO_USER"), os.environ.get("TUCANO_PASSWORD")
    if not user or not password:
        raise StartError("set TUCANO_USER and TUCANO_PASSWORD, the credentials that clients must send")
    if ":" in user:
        raise StartError("TUCANO_USER must not contain a colon: HTTP Basic cannot carry it")
    if forbidden_user == user:
        raise StartError("--forbidden-user must differ from TUCANO_USER")
    return Credentials.of(user, password, forbidden_user)


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {name:21} {kind.does}" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m demo.simulator",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Tucano, simulated: the platform's API on one port, the trainer's controls on another.\n"
        "It keeps its state in a file, across restarts and crashes: no answer before its effect is durable.",
        epilog=f"""environment:
  TUCANO_USER, TUCANO_PASSWORD   the credentials clients must send (never on the command line)

example:
  export TUCANO_USER=tucano TUCANO_PASSWORD=secret
  python -m demo.simulator --port 8090 --control-port 8091 --state tucano.sqlite
  curl http://127.0.0.1:8091/control/ledger
  curl -X PUT http://127.0.0.1:8091/control/faults -d '{{"faults": [{{"kind": "hang_after", "count": 1}}]}}'
  curl -X DELETE http://127.0.0.1:8091/control/faults

kinds of fault:
{kinds}

docs/simulator.md has the whole control contract and an exercise for each fault.""",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where the platform listens (%(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="the platform's port, 0 for any (%(default)s)")
    parser.add_argument(
        "--control-port", type=int, default=8091, help="the control port, always on 127.0.0.1 (%(default)s)"
    )
    parser.add_argument(
        "--state", type=Path, required=True, metavar="FILE", help="the state file, created if missing"
    )
    parser.add_argument(
        "--unknown-options",
        type=lambda text: frozenset(filter(None, text.split(","))),
        default=frozenset(),
        metavar="CODE,...",
        help="options this platform does not offer: UNKNOWN_OPTION (none)",
    )
    parser.add_argument(
        "--forbidden-user",
        metavar="NAME",
        help="a user, with the same password, that is known but gets 403 (none)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
