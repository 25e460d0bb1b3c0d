-- batch/close_abandoned.sql
-- Close earlier batches of the same door that ended without closing (a killed scheduler). Of the nightly run there is one
-- at a time; of the other doors several may be at work, so that only what is older than any of their tasks is closed.
-- Params: cause, batch_id.  Returns: batch_id of those closed.
UPDATE batch SET stage = 'CLOSED', closed_at = clock_timestamp(),
    summary = format('Ended without closing; batch %%s took its work over.', %(batch_id)s::bigint)
WHERE cause = %(cause)s AND batch_id < %(batch_id)s AND closed_at IS NULL
  AND (cause = 'RESET_RUN' OR opened_at < clock_timestamp() - interval '1 hour')
RETURNING batch_id;
