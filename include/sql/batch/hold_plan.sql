-- batch/hold_plan.sql
-- Hold a whole plan, giving and taking: a new provider version changes more than its share of the base.
-- Params: batch_id.  Returns: nothing.
UPDATE batch_item SET outcome = 'HELD', finished_at = clock_timestamp(),
    explanation = 'the whole plan is held until a person releases it'
WHERE batch_id = %(batch_id)s AND outcome IS NULL;
