-- real_time/list_unsettled.sql
-- Batches of waiting actions that no lane has in hand any more: what a killed one left.  Returns: batch_id.
SELECT DISTINCT batch_id FROM action_inbox
WHERE state = 'WAITING' AND batch_id IS NOT NULL AND due_at <= clock_timestamp();
