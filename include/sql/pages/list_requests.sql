-- pages/list_requests.sql
-- The requests of a batch, or of all, open ones first, then closed ones, newest first; never a personal datum.
-- Params: batch_id, state (also NOT_SENT), command, distributor, error (a code), signature (error_signature), subscription
--   (its number or the account), before (position), row_limit; null is no filter.
-- Returns: position, request_number, batch_id, subscription_number, account, command, distributor, parameters, state,
--   error_code, error_description, reference_number, planned_at, sent_at, closed_at, attempts, tier.
-- Each branch walks one index in its order and ends at the limit; a branch that cannot be meant reads nothing: what was
-- done has no error, and what was not has an index of its own.
SELECT position, request_number, batch_id, subscription_number, account, command, distributor, parameters, state,
       error_code, error_description, reference_number, planned_at, sent_at, closed_at, attempts, tier
FROM (
    (SELECT 4611686018427387904 + sequence_number AS position, request_number, batch_id, subscription_number, account,
            command, distributor, masked(parameters) AS parameters, state, NULL::text AS error_code,
            CASE WHEN command = 'CREATE_ACCOUNT' AND last_failure IS NOT NULL THEN '***' ELSE last_failure END
                AS error_description, NULL::text AS reference_number, planned_at, sent_at, NULL::timestamptz AS closed_at,
            attempts, 'open'::text AS tier
     FROM open_request
     WHERE (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s) AND (%(state)s::text IS NULL OR state = %(state)s)
       AND (%(before)s::bigint IS NULL OR 4611686018427387904 + sequence_number < %(before)s)
       AND (%(command)s::text IS NULL OR command = %(command)s)
       AND (%(distributor)s::text IS NULL OR distributor = %(distributor)s)
       AND %(error)s::text IS NULL
       AND (%(subscription)s::text IS NULL OR subscription_number = %(subscription)s OR account = %(subscription)s)
       AND (%(signature)s::text IS NULL OR error_signature(command, NULL, last_failure) = %(signature)s)
     ORDER BY sequence_number DESC
     LIMIT %(row_limit)s)
    UNION ALL
    (SELECT log_number AS position, request_number, batch_id, subscription_number, account, command, distributor,
            masked(parameters) AS parameters, state, error_code,
            CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***' ELSE error_description END
                AS error_description, reference_number, planned_at, sent_at, closed_at, attempts, 'hot'::text AS tier
     FROM request_log
     WHERE state = 'COMPLETED' AND (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s)
       AND (%(before)s::bigint IS NULL OR log_number < %(before)s)
       AND (%(state)s::text IS NULL OR %(state)s = 'COMPLETED') AND %(error)s::text IS NULL
       AND (%(command)s::text IS NULL OR command = %(command)s)
       AND (%(distributor)s::text IS NULL OR distributor = %(distributor)s)
       AND (%(subscription)s::text IS NULL OR subscription_number = %(subscription)s OR account = %(subscription)s)
       AND (%(signature)s::text IS NULL OR error_signature(command, error_code, error_description) = %(signature)s)
     ORDER BY log_number DESC
     LIMIT %(row_limit)s)
    UNION ALL
    (SELECT log_number AS position, request_number, batch_id, subscription_number, account, command, distributor,
            masked(parameters) AS parameters, state, error_code,
            CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***' ELSE error_description END
                AS error_description, reference_number, planned_at, sent_at, closed_at, attempts, 'hot'::text AS tier
     FROM request_log
     WHERE state = 'REJECTED' AND (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s)
       AND (%(before)s::bigint IS NULL OR log_number < %(before)s)
       AND (%(state)s::text IS NULL OR %(state)s = CASE WHEN sent_at IS NULL THEN 'NOT_SENT' ELSE 'REJECTED' END)
       AND (%(command)s::text IS NULL OR command = %(command)s)
       AND (%(distributor)s::text IS NULL OR distributor = %(distributor)s)
       AND (%(error)s::text IS NULL OR error_code = %(error)s)
       AND (%(subscription)s::text IS NULL OR subscription_number = %(subscription)s OR account = %(subscription)s)
       AND (%(signature)s::text IS NULL OR error_signature(command, error_code, error_description) = %(signature)s)
     ORDER BY log_number DESC
     LIMIT %(row_limit)s)
    UNION ALL
    (SELECT log_number AS position, request_number, batch_id, subscription_number, account, command, distributor,
            masked(parameters) AS parameters, state, error_code,
            CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***' ELSE error_description END
                AS error_description, reference_number, planned_at, sent_at, closed_at, attempts, 'cold'::text AS tier
     FROM request_archive
     WHERE state = 'COMPLETED' AND (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s)
       AND (%(before)s::bigint IS NULL OR log_number < %(before)s)
       AND (%(state)s::text IS NULL OR %(state)s = 'COMPLETED') AND %(error)s::text IS NULL
       AND (%(command)s::text IS NULL OR command = %(command)s)
       AND (%(distributor)s::text IS NULL OR distributor = %(distributor)s)
       AND (%(subscription)s::text IS NULL OR subscription_number = %(subscription)s OR account = %(subscription)s)
       AND (%(signature)s::text IS NULL OR error_signature(command, error_code, error_description) = %(signature)s)
     ORDER BY log_number DESC
     LIMIT %(row_limit)s)
    UNION ALL
    (SELECT log_number AS position, request_number, batch_id, subscription_number, account, command, distributor,
            masked(parameters) AS parameters, state, error_code,
            CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***' ELSE error_description END
                AS error_description, reference_number, planned_at, sent_at, closed_at, attempts, 'cold'::text AS tier
     FROM request_archive
     WHERE state = 'REJECTED' AND (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s)
       AND (%(before)s::bigint IS NULL OR log_number < %(before)s)
       AND (%(state)s::text IS NULL OR %(state)s = CASE WHEN sent_at IS NULL THEN 'NOT_SENT' ELSE 'REJECTED' END)
       AND (%(command)s::text IS NULL OR command = %(command)s)
       AND (%(distributor)s::text IS NULL OR distributor = %(distributor)s)
       AND (%(error)s::text IS NULL OR error_code = %(error)s)
       AND (%(subscription)s::text IS NULL OR subscription_number = %(subscription)s OR account = %(subscription)s)
       AND (%(signature)s::text IS NULL OR error_signature(command, error_code, error_description) = %(signature)s)
     ORDER BY log_number DESC
     LIMIT %(row_limit)s)
) AS request
ORDER BY position DESC
LIMIT %(row_limit)s;
