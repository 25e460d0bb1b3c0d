"""The guards of how fast, how often and how long the platform is asked: architecture 4.8 and 5.3."""

from __future__ import annotations

from tests.guards.guard import ADAPTERS, CORE, INTEGRATION, SQL, STEPS, UNIT, Guard

PLATFORM_DOWN = f"{INTEGRATION}/test_reset_run_platform_down.py"
CREDENTIALS = """                self._stop.now(
                    f"Tucano refuses the user of connection 'tucano' (HTTP {status}): "
                    "check its user and password, then run again",
                    credentials=True,
                )
"""

BOUNDING = (
    # -- no faster than the setting, all doors together
    Guard(
        section="4.8",
        rule="all doors together send no faster than the provider's rate",
        file=f"{SQL}/request_log/reserve_sending.sql",
        text="    SET next_at = greatest(sending_rate.next_at, clock_timestamp())\n",
        instead="    SET next_at = clock_timestamp()\n",
        tests=(f"{INTEGRATION}/test_pacing.py", "-k", "one_queue"),
    ),
    Guard(
        section="4.8",
        rule="a night leaves the lane its share of the rate",
        file=f"{STEPS}/pacing.py",
        text="        common = _Queue(provider, 1 - real_time_share)\n",
        instead="        common = _Queue(provider, 1.0)\n",
        tests=(f"{INTEGRATION}/test_pacing.py", "-k", "its_share"),
    ),
    Guard(
        section="4.8",
        rule="the lane never waits behind a night",
        file=f"{STEPS}/pacing.py",
        text="        self._queues = (lane, common) if door == REAL_TIME and real_time_share else (common,)\n",
        instead="        self._queues = (common,)\n",
        tests=(f"{INTEGRATION}/test_pacing.py", "-k", "its_share"),
    ),
    Guard(
        section="4.8",
        rule="what was learned of the platform never leads beyond the setting",
        file=f"{CORE}/pacing.py",
        text="    return max(min(SLOWEST, most), min(most, learned.refused_rate * grown))\n",
        instead="    return max(min(SLOWEST, most), learned.refused_rate * grown)\n",
        tests=(f"{UNIT}/test_pacing.py", "-k", "never_exceeded"),
    ),
    # -- each retry has an end
    Guard(
        section="4.8",
        rule="refused credentials end the run with the first answers",
        file=f"{STEPS}/sending.py",
        text=CREDENTIALS,
        instead="",
        tests=(PLATFORM_DOWN, "-k", "on_their_way"),
    ),
    Guard(
        section="4.8",
        rule="a platform that cannot be reached ends the run",
        file=f"{STEPS}/sending.py",
        text='                    await self._found_dead(\n                        f"Tucano cannot be reached',
        instead='                    str(\n                        f"Tucano cannot be reached',
        tests=(PLATFORM_DOWN, "-k", "cannot_be_reached"),
    ),
    Guard(
        section="4.8",
        rule="a pause longer than a minute is left to the next run",
        file=f"{STEPS}/sending.py",
        text="        if seconds > LONGEST_PAUSE_SECONDS:\n",
        instead="        if False:\n",
        tests=(PLATFORM_DOWN, "-k", "longer_than_a_minute"),
    ),
    Guard(
        section="4.8",
        rule="a pause that another run was asked for is kept by the next one",
        file=f"{STEPS}/pacing.py",
        text="                request_log.pause(self._db, provider=queue.name, seconds=seconds)\n",
        instead="                pass\n",
        tests=(PLATFORM_DOWN, "-k", "longer_than_a_minute"),
    ),
    Guard(
        section="4.8",
        rule="a platform that throttles without end ends the run",
        file=f"{STEPS}/sending.py",
        text="        if self._throttled >= THROTTLED_IN_A_ROW:\n",
        instead="        if False:\n",
        tests=(PLATFORM_DOWN, "-k", "without_end"),
    ),
    Guard(
        section="4.8",
        rule="a platform that was found dead is asked by few requests",
        file=f"{CORE}/pacing.py",
        text="    return silences >= (PROBES if known_dead else policy.UNKNOWN_IN_A_ROW)\n",
        instead="    return silences >= policy.UNKNOWN_IN_A_ROW\n",
        tests=(f"{INTEGRATION}/test_pacing.py", "-k", "stays_dead"),
    ),
    Guard(
        section="4.8",
        rule="between two questions about what is in doubt lies a pause",
        file=f"{STEPS}/sending.py",
        text="            work.back_off = pacing.back_off(work.unknown_attempts)\n",
        instead="            work.back_off = 0.0\n",
        tests=(f"{INTEGRATION}/test_reset_run_unknown.py", "-k", "back_off_lies"),
    ),
    Guard(
        section="4.8",
        rule="a plan that starts again and again is left to a person",
        file=f"{STEPS}/settle.py",
        text="REPLANS = 3\n",
        instead="REPLANS = 5\n",
        tests=(f"{INTEGRATION}/test_reset_run_answers.py", "-k", "never_comes_to_know"),
    ),
    # -- what counts as an answer
    Guard(
        section="4.8",
        rule="only a connection that was never made proves that nothing left",
        file=f"{ADAPTERS}/tucano.py",
        text="        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:\n",
        instead="        except aiohttp.ClientError as error:\n",
        tests=(f"{UNIT}/test_tucano_client.py", "-k", "never_made"),
    ),
    Guard(
        section="4.8",
        rule="an answer longer than the contract's is cut",
        file=f"{ADAPTERS}/tucano.py",
        text="                content = await response.content.read(policy.ANSWER_BYTES)\n",
        instead="                content = await response.read()\n",
        tests=(f"{UNIT}/test_tucano_client.py", "-k", "longer_than"),
    ),
    Guard(
        section="3",
        rule="no proxy of the environment sees the credentials",
        file=f"{ADAPTERS}/tucano.py",
        text="        trust_env=False,\n",
        instead="        trust_env=True,\n",
        tests=(f"{UNIT}/test_tucano_client.py", "-k", "no_proxy"),
    ),
)
