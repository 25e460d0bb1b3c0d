-- distrust/doubt_things.sql
-- Distrust single things of accounts besides what is distrusted of them already.
-- Params: accounts, batch_ids, options, materials (parallel arrays; the last two as array literals).  Returns: nothing.
INSERT INTO distrust (account, options, materials, since, batch_id)
SELECT d.account, d.options::text[], d.materials::text[], now(), d.batch_id
FROM unnest(%(accounts)s::text[], %(batch_ids)s::bigint[], %(options)s::text[], %(materials)s::text[])
     AS d (account, batch_id, options, materials)
ON CONFLICT (account) DO UPDATE
    SET options = merged_sets(distrust.options, excluded.options),
        materials = merged_sets(distrust.materials, excluded.materials),
        since = least(distrust.since, excluded.since), batch_id = excluded.batch_id;
