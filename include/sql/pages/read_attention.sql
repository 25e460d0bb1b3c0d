-- pages/read_attention.sql
-- What needs a person, and signs of life.  Params: none.
-- Returns: one JSON object; every count of something unbounded ends at 10,000.
SELECT jsonb_build_object(
    'held', (SELECT coalesce(jsonb_agg(jsonb_build_object('batch_id', batch_id, 'accounts', accounts, 'because', because,
                                                          'decided', decided) ORDER BY batch_id DESC), '[]')
             FROM (SELECT h.batch_id, count(*) AS accounts, min(b.held_because) AS because,
                          bool_or(d.batch_id IS NOT NULL) AS decided
                   FROM held_removal h JOIN batch b USING (batch_id) LEFT JOIN release_decision d USING (batch_id)
                   WHERE h.released_at IS NULL AND h.replaced_by IS NULL
                   GROUP BY h.batch_id ORDER BY h.batch_id DESC LIMIT 5) AS held),
    'parked', (SELECT count(*) FROM (SELECT FROM open_plan WHERE parked_at IS NOT NULL LIMIT 10000) AS parked),
    'parked_examples', (SELECT coalesce(jsonb_agg(jsonb_build_object('account', account, 'since', parked_at,
                                                                     'because', parked_because, 'batch_id', batch_id)), '[]')
                        FROM (SELECT account, parked_at, parked_because, batch_id FROM open_plan
                              WHERE parked_at IS NOT NULL ORDER BY parked_at LIMIT 3) AS oldest),
    'stray', (SELECT count(*) FROM (SELECT FROM stray_request LIMIT 10000) AS stray),
    'unknown', (SELECT count(*) FROM (SELECT FROM open_request WHERE state = 'UNKNOWN' LIMIT 10000) AS unknown),
    'unknown_since', (SELECT min(sent_at) FROM open_request WHERE state = 'UNKNOWN'),
    'unverified', (SELECT coalesce(jsonb_agg(jsonb_build_object('month', to_char(month, 'YYYY-MM'), 'operation', operation,
                                                                'since', performed_at)), '[]')
                   FROM archive_manifest WHERE verified_at IS NULL AND performed_at < now() - interval '1 hour'),
    'answered_at', (SELECT closed_at FROM request_log WHERE sent_at IS NOT NULL ORDER BY log_number DESC LIMIT 1),
    'lane', (SELECT jsonb_build_object('alive_seconds', extract(epoch FROM clock_timestamp() - alive_at), 'alive_at', alive_at,
                                       'ended_at', ended_at, 'mode', mode, 'last_action_at', last_action_at,
                                       'last_error', last_error) FROM real_time_lane),
    'actions_waiting', (SELECT count(*) FROM (SELECT FROM action_inbox WHERE state = 'WAITING' LIMIT 10000) AS waiting),
    'actions_behind_seconds', (SELECT extract(epoch FROM clock_timestamp() - min(received_at))
                               FROM (SELECT received_at FROM action_inbox WHERE state = 'WAITING'
                                     ORDER BY action_id LIMIT 100) AS oldest),
    'actions_parked', (SELECT count(*) FROM (SELECT FROM action_inbox WHERE state = 'PARKED' LIMIT 10000) AS parked));
