-- real_time/park_actions.sql
-- Park actions that nothing can be done for.  Params: parallel arrays transaction_references, reasons.
UPDATE action_inbox a SET state = 'PARKED', reason = p.reason, due_at = NULL, taken_by = NULL,
    finished_at = clock_timestamp()
FROM unnest(%(transaction_references)s::text[], %(reasons)s::text[]) AS p (reference, reason)
WHERE a.transaction_reference = p.reference AND a.state = 'WAITING';
