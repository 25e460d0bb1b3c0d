-- pages/count_outcomes.sql
-- How the accounts of a batch ended.  Params: batch_id.  Returns: outcome ('UNFINISHED': not yet), accounts.
SELECT coalesce(outcome, 'UNFINISHED'), count(*) FROM batch_item WHERE batch_id = %(batch_id)s GROUP BY 1 ORDER BY 2 DESC;
