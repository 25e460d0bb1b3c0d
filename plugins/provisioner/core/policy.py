"""Named numbers, each with its reason. What an operator may change stands in the provider file as well."""

from __future__ import annotations

from typing import Final

from provisioner.core.model import Settings

ACTIVATE_FIRST: Final = "activate_first"
SUSPEND_FIRST: Final = "suspend_first"

DEFAULT_SETTINGS: Final = Settings(
    # None: a service or item without a distributor is a rejected row. Guessing a viewing point would switch
    # channels on in the wrong room.
    default_distributor=None,
    # A swap must never leave the screen dark, so the new channels come before the old ones go.
    swap_order=ACTIVATE_FIRST,
    # A subscriber who pays again tomorrow keeps his box; only the operator knows whether he wants it back.
    remove_material_on_deactivation=False,
    # Requests a second from all doors together: 100,000 requests in under four minutes, and a tenth of what
    # one sender was measured to reach, so that the platform, not we, is spared.
    requests_per_second=500.0,
    # Accounts sent at the same time by one task. A platform that answers in 20 ms is filled by 128:
    # half of it leaves the other half to the second worker.
    in_flight=64,
    # Up to here one mapped task an account: a person still reads forty lines in the UI; Airflow is asked for
    # at most 64 mapped tasks a run.
    fan_out_limit=40,
    # Accounts of one chunk: long enough that a task's start (seconds) is small against its work, short enough
    # that a lost worker loses little.
    chunk_size=500,
    # Share of requests_per_second that the nightly run leaves free: a person who waits before the television
    # comes before the night's work.
    real_time_share=0.2,
    # After ten silences with back-off a person has to ask the platform what happened.
    unknown_attempts=10,
    # Fewer accounts than this share of the last whole extract is a broken extract, not a mass cancellation.
    minimum_accounts_share=0.98,
    # More rejected rows than this count *and* this share are a changed CRM schema, not bad rows. Among fewer than
    # 5,000 rows a handful of slips of the pen is more than the share, stays until somebody mends it and would hold
    # every night; from there on the share alone decides. The rows themselves take nothing away either way.
    rejected_rows_count=5,
    rejected_rows_share=0.001,
    # Removals are held beyond this count *and* this share of the base: a small base has few subscribers but
    # also few removals a night, a large one has many of both.
    removals_count=50,
    removals_share=0.005,
    # A replacement gives as it takes, so it is measured apart and more freely: a new
    # line-up moves many accounts at once.
    replacements_share=0.05,
    # A mapping mistake touches many accounts in both directions; a new channel pack few at a time.
    provider_change_share=0.05,
    # Rejections above this share of a run's requests make it red: single ones are data, many are a cause.
    rejections_share=0.05,
    # Closed requests stay hot for a quarter: the span in which an invoice is disputed.
    keep_days=90,
    # The `apip` claim of the token: the address the pages are reached at.
    api_ip="127.0.0.1",
)

# Of the southbound contract: connecting to a near server takes milliseconds, and a platform that thinks for
# half a minute is as good as silent.
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0

# A claim outlives two missed renewals, and no more: what a dead worker held is free half a minute later.
CLAIM_SECONDS: Final = 30.0
CLAIM_RENEWAL_SECONDS: Final = 10.0
# Sending stops this long before the claim ends by our own clock: what was sent last has arrived, and clocks
# that drift apart by a tenth do no harm, before another writer can begin.
CLAIM_MARGIN_SECONDS: Final = 10.0

# Single silences are lost packets; twenty in a row are a platform that is down.
UNKNOWN_IN_A_ROW: Final = 20

# Seconds before an UNKNOWN or refused request is sent again: doubling from half a second finds a short hiccup
# early; a minute is the most a person who watches would wait.
BACK_OFF_FIRST_SECONDS: Final = 0.5
BACK_OFF_LONGEST_SECONDS: Final = 60.0
# Whoever is told to wait longer than a day is overtaken by the next nightly run.
RETRY_AFTER_LONGEST_SECONDS: Final = 86_400.0

# Outcomes are flushed after this time or number, whichever comes first (0.95 of the unlogged speed).
FLUSH_SECONDS: Final = 0.02
FLUSH_ROWS: Final = 1_000
# Accounts are claimed about half a second of sending ahead, so that the real-time lane is never locked out.
CLAIM_AHEAD_SECONDS: Final = 0.5

# An answer of the contract has a few hundred bytes; what is longer is not one and is not read to its end.
ANSWER_BYTES: Final = 65_536

# More mapped tasks slow Airflow's scheduler down without sending faster.
MAPPED_TASKS: Final = 64

# The real-time lane has no end of run, so its removals are counted in a sliding window.
REMOVALS_WINDOW_SECONDS: Final = 3_600.0

# The lane looks at the CRM this often where no NOTIFY wakes it: a customer at a counter does not notice a second.
POLL_SECONDS: Final = 1.0
# A look that reads again since the oldest open transaction may take a twentieth of the time at most: with one that is
# open for an hour each look reads an hour of actions again.
LOOK_SHARE: Final = 1 / 20
# A feed without transaction ids is read again over this stretch: a transaction that is open for longer waits for
# the night. Also how old an action may be when the lane meets a CRM for the first time.
OVERLAP_SECONDS: Final = 900.0
# What a lane has taken is free again so long after its death, as its claims are.
ACTION_LEASE_SECONDS: Final = CLAIM_SECONDS
# An action whose subscription is not in the extract is looked at again so often, after 2, 4 .. 32 seconds: a standby
# that lags for longer than a minute is somebody's to mend.
NOT_THERE_ATTEMPTS: Final = 5
# Actions taken at once: enough for one query of many. More are taken when fewer than half of it are in hand.
ACTIONS_A_GROUP: Final = 512
# A silence of Tucano is asked about again after this long; what it refused waits for a person or the night.
PARKED_AGAIN_SECONDS: Final = 600.0
# Seconds between two attempts while Tucano or a database is away: doubling, and never longer than a person waits.
LANE_BACK_OFF_FIRST_SECONDS: Final = 1.0
LANE_BACK_OFF_LONGEST_SECONDS: Final = 30.0
# Who pauses the lane sees it end within five seconds: so long an answer of Tucano is waited for.
LANE_LAST_ANSWERS_SECONDS: Final = 3.0
# What a person must mend (a password, the provider file) lets actions wait, and the lane tries again; once it has
# lasted for this long its run ends red, so that whoever watches runs hears of it: twelve times an hour, no oftener.
LANE_MISTAKE_SECONDS: Final = 300.0
# A run of the lane ends after this long and the next one begins: new code and logs are taken up. An operator may
# choose a shorter time (PROVISIONING_ROTATION_SECONDS), not one in which a run would do little else than begin.
LANE_ROTATION_SECONDS: Final = 3_600.0
LANE_SHORTEST_SECONDS: Final = 10.0
# Done actions are kept so long to be looked at; far longer than any stretch of the feed that is read again.
ACTIONS_KEPT_DAYS: Final = 7
