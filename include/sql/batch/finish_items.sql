-- batch/finish_items.sql
-- Record how accounts ended.  Params: batch_id; parallel arrays accounts, outcomes, explanations.
UPDATE batch_item i
SET outcome = f.outcome, explanation = f.explanation, finished_at = clock_timestamp()
FROM unnest(%(accounts)s::text[], %(outcomes)s::text[], %(explanations)s::text[]) AS f (account, outcome, explanation)
WHERE i.batch_id = %(batch_id)s AND i.account = f.account AND i.outcome IS NULL;
