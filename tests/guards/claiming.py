"""The guards of who may send for an account, and in which order: architecture 4.4 and 4.5."""

from __future__ import annotations

from tests.guards.guard import ADAPTERS, CORE, INTEGRATION, SQL, STEPS, UNIT, Guard

CLAIMING = (
    # -- one writer an account
    Guard(
        section="4.4",
        rule="a live claim is nobody else's",
        file=f"{SQL}/claim/take_claims.sql",
        text="    WHERE claim.until < clock_timestamp()\n",
        instead="",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "is_free or by_its_own_owner"),
    ),
    Guard(
        section="4.4",
        rule="an outcome is written only where the token still matches",
        file=f"{STEPS}/recorder.py",
        text="        valid = [report for report in reports if report.account in held]\n",
        instead="        valid = list(reports)\n",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "lost_the_claim"),
    ),
    Guard(
        section="4.4",
        rule="a claim that ran out does not hold",
        file=f"{SQL}/claim/hold_claims.sql",
        text="WHERE c.until > clock_timestamp()\n",
        instead="",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "does_not_hold"),
    ),
    Guard(
        section="4.4",
        rule="a claim that holds cannot change hands before the commit",
        file=f"{SQL}/claim/hold_claims.sql",
        text="FOR UPDATE OF c;",
        instead=";",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "cannot_change_hands"),
    ),
    Guard(
        section="4.4",
        rule="a claim that ran out is not renewed",
        file=f"{SQL}/claim/renew_claims.sql",
        text=" AND until > clock_timestamp()",
        instead="",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "not_renewed"),
    ),
    Guard(
        section="4.4",
        rule="who stands still in a transaction does not keep its claims locked",
        file=f"{ADAPTERS}/connections.py",
        text='        return self.provisioning(f"-c idle_in_transaction_session_timeout={milliseconds}")\n',
        instead="        return self.provisioning()\n",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "keeps_nobody_waiting"),
    ),
    Guard(
        section="4.4",
        rule="a worker stops sending before its lease ends, by its monotonic clock",
        file=f"{STEPS}/sending.py",
        text="        return time.monotonic() > work.lease_ends - policy.CLAIM_MARGIN_SECONDS\n",
        instead="        return False\n",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "sends_nothing_more"),
    ),
    Guard(
        section="4.4",
        rule="a worker that hears of a lost claim stops at once",
        file=f"{STEPS}/dispatch.py",
        text="                    work.lease_ends = 0.0\n",
        instead="                    pass\n",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "stops_at_once"),
    ),
    Guard(
        section="4.4",
        rule="a claim is renewed while its account is sent",
        file=f"{STEPS}/dispatch.py",
        text="        renewing = asyncio.create_task(self._renew())\n",
        instead="        renewing = asyncio.create_task(asyncio.sleep(0))\n",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "longer_than_its_lease"),
    ),
    Guard(
        section="4.4",
        rule="an account that is busy is asked for again",
        file=f"{STEPS}/dispatch.py",
        text="        if turns <= BUSY_TURNS:\n",
        instead="        if False:\n",
        tests=(f"{INTEGRATION}/test_dispatch.py", "-k", "busy"),
    ),
    Guard(
        section="4.4",
        rule="what is sent is planned after the claim, from the CRM of that moment",
        file=f"{STEPS}/drafting.py",
        text="    for row in crm.read_by_number(source, numbers) if numbers else ():\n",
        instead="    for row in ():\n",
        tests=(f"{INTEGRATION}/test_dispatch.py", "-k", "of_that_moment"),
    ),
    Guard(
        section="4.4",
        rule="times are the database's, not the worker's",
        file=f"{STEPS}/prepare.py",
        text="    lease_ends = time.monotonic() + policy.CLAIM_SECONDS\n",
        instead="    lease_ends = time.time() + policy.CLAIM_SECONDS\n",
        tests=(f"{UNIT}/test_clocks_of_the_product.py",),
    ),
    Guard(
        section="4.4",
        rule="an account is claimed no further ahead than half a second of sending",
        file=f"{STEPS}/dispatch.py",
        text="        allowed = round(self._pace.rate * policy.CLAIM_AHEAD_SECONDS)\n",
        instead="        allowed = 1_000_000\n",
        tests=(f"{INTEGRATION}/test_dispatch.py", "-k", "claimed_than_half"),
    ),
    # -- order
    Guard(
        section="4.5",
        rule="the new channels come before the old ones go",
        file=f"{CORE}/plan.py",
        text="    return (*created, *added, *activated, *suspended, *removed)\n",
        instead="    return (*created, *added, *suspended, *activated, *removed)\n",
        tests=(f"{UNIT}/test_plan.py",),
    ),
    Guard(
        section="4.5",
        rule="a refused CREATE_ACCOUNT parks the rest of the plan",
        file=f"{CORE}/plan.py",
        text="        case CreateAccount():\n            return True\n",
        instead="        case CreateAccount():\n            return False\n",
        tests=(f"{UNIT}/test_plan.py", "-k", "blocks"),
    ),
    Guard(
        section="4.5",
        rule="a refused activation leaves the old channels on",
        file=f"{CORE}/plan.py",
        text="            return isinstance(later, SuspendOptions) and later.distributor == distributor\n",
        instead="            return False\n",
        tests=(f"{UNIT}/test_plan.py", "-k", "withholds"),
    ),
    Guard(
        section="4.5",
        rule="a box leaves its old account before it enters the new one",
        file=f"{STEPS}/sending.py",
        text="                await self._wait_for_box(work, request)\n",
        instead="                pass\n",
        tests=(f"{INTEGRATION}/test_reset_run_order.py", "-k", "between_accounts or exchange"),
    ),
    Guard(
        section="4.5",
        rule="a refused box parks that box and not the channels",
        file=f"{CORE}/plan.py",
        text=(
            "        case AddMaterial() | SuspendOptions() | RemoveMaterial():\n            return False\n"
        ),
        instead=(
            "        case AddMaterial() | SuspendOptions() | RemoveMaterial():\n            return True\n"
        ),
        tests=(f"{UNIT}/test_plan.py", "-k", "blocks"),
    ),
    Guard(
        section="4.5",
        rule="no distributor gets more boxes than it takes",
        file=f"{CORE}/plan.py",
        text="        while replaced and maximum is not None and devices[material.distributor] >= maximum:\n",
        instead="        while False:\n",
        tests=(f"{UNIT}/test_plan.py",),
    ),
    Guard(
        section="4.5",
        rule="what Tucano refused does not leave the account in step",
        file=f"{STEPS}/settle.py",
        text="            work.rejected.append(\n",
        instead="            list().append(\n",
        tests=(f"{INTEGRATION}/test_reset_run_order.py", "-k", "rejected"),
    ),
)
