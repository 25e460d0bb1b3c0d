-- One old month of the log with %(requests)s requests of 600 bytes, three an account, and the known state they add up
-- to; and a table like it, which the batched side moves instead of the log itself.
INSERT INTO batch (cause, run_id, requested_by) VALUES ('RESET_RUN', 'benchmark', 'benchmark');
CREATE TABLE request_log_2026_01 PARTITION OF request_log
    FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00');
ALTER TABLE request_log_2026_01 OWNER TO archivist;
INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
    parameters, state, caused_by, planned_at, sent_at, closed_at, attempts, body, response)
SELECT n, 'PR-' || lpad(n::text, 10, '0'), 1, account, account, command,
       CASE WHEN command <> 'CREATE_ACCOUNT' THEN 'VP1' END,
       CASE command WHEN 'CREATE_ACCOUNT' THEN '{}'
                    WHEN 'ADD_MATERIAL' THEN jsonb_build_object('distributor', 'VP1', 'serial_number', 'B' || account,
                                                               'material_type', 'HD')
                    ELSE '{"distributor": "VP1", "options": ["ENTERTAIN", "GEOLOGICAL"]}' END,
       'COMPLETED', 'RESET_RUN benchmark', closed_at - interval '2 s', closed_at - interval '1 s', closed_at, 1,
       convert_to(repeat('x', 150), 'UTF8'), convert_to(repeat('y', 80), 'UTF8')
FROM (SELECT n, 'S' || lpad((n / 3)::text, 10, '0') AS account,
             (ARRAY['CREATE_ACCOUNT', 'ADD_MATERIAL', 'ACTIVATE_OPTIONS'])[n %% 3 + 1] AS command,
             timestamptz '2026-01-01 00:00+00' + n * (interval '30 days' / %(requests)s) AS closed_at
      FROM generate_series(0, %(requests)s - 1) AS n) AS request;
INSERT INTO known_state (account, account_exists, options, materials)
SELECT account, true,
       CASE WHEN bool_or(command = 'ACTIVATE_OPTIONS') THEN '{VP1:ENTERTAIN,VP1:GEOLOGICAL}'::text[] ELSE '{}' END,
       CASE WHEN bool_or(command = 'ADD_MATERIAL') THEN ARRAY['VP1:B' || account || ':HD'] ELSE '{}' END
FROM request_log GROUP BY account;
CREATE TABLE batched_from (LIKE request_log INCLUDING ALL);
CREATE TABLE batched_to (LIKE request_log INCLUDING ALL);
