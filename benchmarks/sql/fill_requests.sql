-- A log of %(requests)s requests in ten batches, one in twenty refused, with a plan for each account of the last batch.
-- Returns: the number of the last batch.  Run as provisioner.
INSERT INTO batch (cause, run_id, requested_by, stage, opened_at, closed_at, out_of_sync, counts, plan_hash)
SELECT 'RESET_RUN', 'benchmark ' || n, 'benchmark', 'CLOSED', now(), now(), %(requests)s / 10,
       jsonb_build_object('requests_completed', %(requests)s / 10 * 19 / 20, 'requests_rejected', %(requests)s / 10 / 20),
       repeat('0', 64)
FROM generate_series(1, 10) AS n;
INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command, distributor,
    parameters, state, error_code, error_description, caused_by, planned_at, sent_at, closed_at, attempts, body, response)
SELECT n, 'PR-' || lpad(n::text, 10, '0'), batch_id, account, account, 'ACTIVATE_OPTIONS', 'VP1',
       '{"distributor": "VP1", "options": ["ENTERTAIN", "GEOLOGICAL"]}',
       CASE WHEN refused THEN 'REJECTED' ELSE 'COMPLETED' END, CASE WHEN refused THEN 'UNKNOWN_OPTION' END,
       CASE WHEN refused THEN 'option GEOLOGICAL is unknown to ' || account END, 'benchmark', now(), now(), now(), 1,
       convert_to(repeat('x', 150), 'UTF8'), convert_to(repeat('y', 80), 'UTF8')
FROM (SELECT n, 'S' || lpad((n / 3)::text, 10, '0') AS account, n %% 20 = 0 AS refused,
             last - 9 + n * 10 / (%(requests)s + 1) AS batch_id
      FROM generate_series(1, %(requests)s) AS n CROSS JOIN (SELECT max(batch_id) AS last FROM batch) AS newest) AS request;
INSERT INTO batch_item (batch_id, account, subscription_numbers, planned, outcome, finished_at)
SELECT batch_id, account, ARRAY[account],
       '[{"command": "ACTIVATE_OPTIONS", "distributor": "VP1", "options": ["ENTERTAIN", "GEOLOGICAL"]}]', 'COMPLETED', now()
FROM request_log WHERE batch_id = (SELECT max(batch_id) FROM batch)
GROUP BY batch_id, account;
SELECT max(batch_id) FROM batch;
