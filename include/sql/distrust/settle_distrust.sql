-- distrust/settle_distrust.sql
-- Take out what answers have settled; what is left of an account is nothing: its row goes.
-- Params: accounts, batch_ids (by which the distrust was read), account_asked, options, materials (parallel arrays; the
-- last two as array literals).  Returns: nothing.
WITH settled AS (
    SELECT s.account, t.account_asked AND NOT s.account_asked AS account_asked,
           ARRAY(SELECT one FROM unnest(t.options) AS one WHERE one <> ALL (s.options::text[]) ORDER BY one COLLATE "C")
               AS options,
           ARRAY(SELECT one FROM unnest(t.materials) AS one WHERE one <> ALL (s.materials::text[]) ORDER BY one COLLATE "C")
               AS materials
    FROM unnest(%(accounts)s::text[], %(batch_ids)s::bigint[], %(account_asked)s::boolean[], %(options)s::text[],
                %(materials)s::text[]) AS s (account, batch_id, account_asked, options, materials)
    JOIN distrust t ON t.account = s.account AND t.batch_id = s.batch_id
), emptied AS (
    DELETE FROM distrust t USING settled s
    WHERE t.account = s.account AND NOT s.account_asked AND s.options = '{}' AND s.materials = '{}'
)
UPDATE distrust t SET account_asked = s.account_asked, options = s.options, materials = s.materials
FROM settled s
WHERE t.account = s.account AND (s.account_asked OR s.options <> '{}' OR s.materials <> '{}');
