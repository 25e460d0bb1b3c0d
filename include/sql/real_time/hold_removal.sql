-- real_time/hold_removal.sql
-- Put the removals of one account in front of a person, in place of what the lane held for it before.
-- Params: batch_id, account, subscription_numbers, planned (jsonb), removals, replacement.  Returns: nothing.
WITH item AS (
    INSERT INTO batch_item (batch_id, account, subscription_numbers, planned, removals, replacement, outcome,
        explanation, finished_at)
    VALUES (%(batch_id)s, %(account)s, %(subscription_numbers)s, %(planned)s, %(removals)s, %(replacement)s, 'HELD',
        'held until a person releases it', clock_timestamp())
    ON CONFLICT (batch_id, account) DO UPDATE
        SET planned = excluded.planned, removals = excluded.removals, replacement = excluded.replacement
)
INSERT INTO held_removal (batch_id, account, removals) VALUES (%(batch_id)s, %(account)s, %(removals)s)
ON CONFLICT (batch_id, account) DO UPDATE SET removals = excluded.removals, replaced_by = NULL;
