-- batch/count_removals.sql
-- What the guard decides on.  Params: batch_id.
-- Returns: accounts with pure removals, accounts with replacements, accounts that change at all.
SELECT count(*) FILTER (WHERE removals <> '{}' AND NOT replacement),
       count(*) FILTER (WHERE removals <> '{}' AND replacement),
       count(*) FILTER (WHERE planned <> '[]')
FROM batch_item WHERE batch_id = %(batch_id)s;
