-- real_time/close_groups.sql
-- Close batches of the lane.  Params: batch_ids.  Returns: nothing.
UPDATE batch b SET stage = 'CLOSED', closed_at = clock_timestamp(),
    counts = jsonb_build_object('accounts', i.accounts, 'finished', i.finished, 'parked', i.parked),
    summary = format('Real time: %%s accounts, %%s finished, %%s of them parked or refused.',
                     i.accounts, i.finished, i.parked)
FROM (SELECT batch_id, count(*) AS accounts, count(outcome) AS finished,
             count(*) FILTER (WHERE outcome IN ('PARKED', 'REJECTED', 'ROW_REJECTED')) AS parked
      FROM batch_item WHERE batch_id = ANY(%(batch_ids)s::bigint[]) GROUP BY batch_id) AS i
WHERE b.batch_id = i.batch_id AND b.closed_at IS NULL;
