-- real_time/settle_parked.sql
-- What was parked is settled when a later action of the same subscription went through.
-- Params: subscription_numbers.  Returns: nothing.
UPDATE action_inbox SET state = 'DONE', due_at = NULL, reason = 'settled with a later action; before: ' || reason
WHERE state = 'PARKED' AND subscription_number = ANY(%(subscription_numbers)s::text[]);
