-- pages/list_batches.sql
-- Batches, newest first, with their counts: of a closed one those it closed with, of an open one as they are now.
-- Params: batch_id, cause, run_id, before (batch_id), row_limit; null is no filter.
-- Returns: batch_id, cause, run_id, requested_by, parameters, filtered, dry_run, provider_hash, stage, opened_at,
--   closed_at, subscriptions, rejected_rows, extract_whole, not_whole_because, out_of_sync, out_of_sync_after, plan_hash,
--   held_because, platform_down, failures, summary, accounts, accounts_finished, accounts_parked, accounts_held,
--   requests_completed, requests_rejected, requests_not_sent, requests_pending, requests_unknown.
-- The counting joins have a condition on the batch alone, so that nothing is read for those that are counted already.
SELECT b.batch_id, b.cause, b.run_id, b.requested_by, b.parameters, b.filtered, b.dry_run, b.provider_hash, b.stage,
       b.opened_at, b.closed_at, b.extracted_rows, b.rejected_rows, b.extract_whole, b.not_whole_because, b.out_of_sync,
       (b.counts ->> 'out_of_sync_after')::bigint, b.plan_hash, b.held_because, b.platform_down, b.failures, b.summary,
       coalesce(i.accounts, b.out_of_sync, 0),
       coalesce(i.finished, b.out_of_sync - (b.counts ->> 'accounts_unfinished')::bigint, 0),
       coalesce(i.parked, (b.counts ->> 'accounts_parked')::bigint, 0),
       coalesce(h.held, 0),
       coalesce(l.completed, (b.counts ->> 'requests_completed')::bigint, 0),
       coalesce(l.rejected, (b.counts ->> 'requests_rejected')::bigint, 0),
       coalesce(l.not_sent, (b.counts ->> 'requests_not_sent')::bigint, 0),
       coalesce(o.pending, 0), coalesce(o.unknown, 0)
FROM (SELECT batch_id
      FROM batch
      WHERE (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s)
        AND (%(cause)s::text IS NULL OR cause = %(cause)s)
        AND (%(run_id)s::text IS NULL OR run_id = %(run_id)s)
        AND (%(before)s::bigint IS NULL OR batch_id < %(before)s)
      ORDER BY batch_id DESC
      LIMIT %(row_limit)s) AS wanted
JOIN batch b USING (batch_id)
CROSS JOIN LATERAL (SELECT b.counts IS NULL OR NOT b.counts ? 'requests_completed' AS uncounted) AS known
LEFT JOIN LATERAL (SELECT count(*) AS accounts, count(*) FILTER (WHERE outcome IS NOT NULL) AS finished,
                          count(*) FILTER (WHERE outcome = 'PARKED') AS parked
                   FROM batch_item WHERE batch_id = b.batch_id AND uncounted HAVING uncounted) AS i ON true
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'COMPLETED') AS completed,
                          count(*) FILTER (WHERE state = 'REJECTED' AND sent_at IS NOT NULL) AS rejected,
                          count(*) FILTER (WHERE state = 'REJECTED' AND sent_at IS NULL) AS not_sent
                   FROM logged_request WHERE batch_id = b.batch_id AND uncounted HAVING uncounted) AS l ON true
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE state = 'PENDING') AS pending,
                          count(*) FILTER (WHERE state = 'UNKNOWN') AS unknown
                   FROM open_request WHERE batch_id = b.batch_id) AS o ON true
LEFT JOIN LATERAL (SELECT count(*) AS held FROM held_removal
                   WHERE batch_id = b.batch_id AND released_at IS NULL AND replaced_by IS NULL) AS h ON true
ORDER BY b.batch_id DESC;
