-- batch/insert_item.sql
-- Make or remake the one item of a batch for a single account.
-- Params: batch_id, account, subscription_numbers, planned (jsonb), removals, replacement, withheld_because.
INSERT INTO batch_item (batch_id, account, subscription_numbers, chunk_number, planned, removals, replacement,
    allowed_removals, withheld_because)
VALUES (%(batch_id)s, %(account)s, %(subscription_numbers)s, 0, %(planned)s, %(removals)s, %(replacement)s,
    %(removals)s, %(withheld_because)s)
ON CONFLICT (batch_id, account) DO UPDATE
    SET planned = excluded.planned, removals = excluded.removals, replacement = excluded.replacement,
        allowed_removals = excluded.allowed_removals, withheld_because = excluded.withheld_because
    WHERE batch_item.outcome IS NULL;
