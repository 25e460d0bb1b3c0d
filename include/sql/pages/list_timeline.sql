-- pages/list_timeline.sql
-- What happened for an account, the newest first: requests of all tiers with what was sent and answered, runs that had
-- it, attempts to authenticate, and actions of the CRM.
-- Params: account, subscription_numbers, kinds (null for all), before_at, before_kind, before_id (the last row of the
--   page before; null for the first page), limit.
-- Returns: at, kind (REQUEST, RUN, ATTEMPT, ACTION), id, told (jsonb), body, response (bytea; null but for requests).
-- Paged by key, so that what is added meanwhile shifts nothing. An account has some hundred rows in years; each part is
-- found by an index and cut before they are brought into one order.
SELECT at, kind, id, told, body, response
FROM (
    (SELECT closed_at AS at, 'REQUEST' AS kind, request_number AS id, jsonb_build_object(
            'tier', 'hot', 'batch_id', batch_id, 'subscription_number', subscription_number, 'command', command,
            'distributor', distributor, 'parameters', masked(parameters), 'state', state, 'already', already,
            'error_code', error_code, 'reference_number', reference_number, 'caused_by', caused_by,
            'planned_at', planned_at, 'sent_at', sent_at, 'closed_at', closed_at, 'attempts', attempts,
            'error_description', CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***'
                                      ELSE error_description END) AS told, body, response
     FROM request_log
     WHERE account = %(account)s AND command <> 'CHECKPOINT'
       AND (%(before_at)s::timestamptz IS NULL OR (closed_at, 'REQUEST', request_number)
            < (%(before_at)s::timestamptz, %(before_kind)s::text, %(before_id)s::text))
       AND (%(kinds)s::text[] IS NULL OR 'REQUEST' = ANY (%(kinds)s::text[]))
     ORDER BY closed_at DESC, request_number DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT closed_at, 'REQUEST', request_number, jsonb_build_object(
            'tier', 'archived', 'batch_id', batch_id, 'subscription_number', subscription_number, 'command', command,
            'distributor', distributor, 'parameters', masked(parameters), 'state', state, 'already', already,
            'error_code', error_code, 'reference_number', reference_number, 'caused_by', caused_by,
            'planned_at', planned_at, 'sent_at', sent_at, 'closed_at', closed_at, 'attempts', attempts,
            'error_description', CASE WHEN command = 'CREATE_ACCOUNT' AND error_description IS NOT NULL THEN '***'
                                      ELSE error_description END), body, response
     FROM request_archive
     WHERE account = %(account)s AND command <> 'CHECKPOINT'
       AND (%(before_at)s::timestamptz IS NULL OR (closed_at, 'REQUEST', request_number)
            < (%(before_at)s::timestamptz, %(before_kind)s::text, %(before_id)s::text))
       AND (%(kinds)s::text[] IS NULL OR 'REQUEST' = ANY (%(kinds)s::text[]))
     ORDER BY closed_at DESC, request_number DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT planned_at, 'REQUEST', request_number, jsonb_build_object(
            'tier', 'open', 'batch_id', batch_id, 'subscription_number', subscription_number, 'command', command,
            'distributor', distributor, 'parameters', masked(parameters), 'state', state, 'already', false,
            'error_code', NULL, 'reference_number', NULL, 'caused_by', caused_by, 'planned_at', planned_at,
            'sent_at', sent_at, 'closed_at', NULL, 'attempts', attempts, 'error_description', last_failure),
            body, NULL
     FROM open_request
     WHERE account = %(account)s
       AND (%(before_at)s::timestamptz IS NULL OR (planned_at, 'REQUEST', request_number)
            < (%(before_at)s::timestamptz, %(before_kind)s::text, %(before_id)s::text))
       AND (%(kinds)s::text[] IS NULL OR 'REQUEST' = ANY (%(kinds)s::text[]))
     ORDER BY planned_at DESC, request_number DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT batch.opened_at, 'RUN', lpad(batch_id::text, 19, '0'), jsonb_build_object(
            'batch_id', batch_id, 'cause', batch.cause, 'run_id', batch.run_id, 'requested_by', batch.requested_by,
            'dry_run', batch.dry_run, 'forced', batch.parameters ->> 'force' = 'true', 'planned', item.planned,
            'outcome', item.outcome, 'explanation', item.explanation, 'withheld_because', item.withheld_because),
            NULL, NULL
     FROM batch_item AS item
     JOIN batch USING (batch_id)
     WHERE item.account = %(account)s
       AND (%(before_at)s::timestamptz IS NULL OR (batch.opened_at, 'RUN', lpad(batch_id::text, 19, '0'))
            < (%(before_at)s::timestamptz, %(before_kind)s::text, %(before_id)s::text))
       AND (%(kinds)s::text[] IS NULL OR 'RUN' = ANY (%(kinds)s::text[]))
     ORDER BY batch.opened_at DESC, batch_id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT attempted_at, 'ATTEMPT', lpad(attempt_number::text, 19, '0'), jsonb_build_object(
            'subscription_number', subscription_number, 'asked_by', asked_by, 'identifier_kind', identifier_kind,
            'outcome', outcome), NULL, NULL
     FROM authentication_attempt
     WHERE subscription_number = ANY (%(subscription_numbers)s)
       AND (%(before_at)s::timestamptz IS NULL OR (attempted_at, 'ATTEMPT', lpad(attempt_number::text, 19, '0'))
            < (%(before_at)s::timestamptz, %(before_kind)s::text, %(before_id)s::text))
       AND (%(kinds)s::text[] IS NULL OR 'ATTEMPT' = ANY (%(kinds)s::text[]))
     ORDER BY attempted_at DESC, attempt_number DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT performed_at, 'ACTION', transaction_reference, jsonb_build_object(
            'transaction_reference', transaction_reference, 'behaviour', behaviour,
            'subscription_number', subscription_number, 'related_subscription_number', related_subscription_number,
            'performed_by', performed_by, 'received_at', received_at, 'finished_at', finished_at, 'state', state,
            'reason', reason, 'batch_id', batch_id), NULL, NULL
     FROM action_inbox
     WHERE subscription_number = ANY (%(subscription_numbers)s)
       AND (%(before_at)s::timestamptz IS NULL OR (performed_at, 'ACTION', transaction_reference)
            < (%(before_at)s::timestamptz, %(before_kind)s::text, %(before_id)s::text))
       AND (%(kinds)s::text[] IS NULL OR 'ACTION' = ANY (%(kinds)s::text[]))
     ORDER BY performed_at DESC, transaction_reference DESC LIMIT %(limit)s)
) AS happened
ORDER BY at DESC, kind DESC, id DESC
LIMIT %(limit)s;
