-- Known state of every landed account, as the CRM wants it; 0.74 % differ, in turn by an account that Tucano does not
-- have, an option too few and an option too many.
CREATE TABLE different AS
SELECT account, row_number() OVER () % 3 AS way
FROM (SELECT account FROM desired_state WHERE understood AND active AND options <> '{}'
      ORDER BY hashtextextended(account, 0)
      LIMIT (SELECT round(count(*) * 0.0074) FROM desired_state)) AS chosen;

INSERT INTO known_state (account, account_exists, options, materials)
SELECT d.account, true,
       CASE c.way WHEN 1 THEN d.options[2:] WHEN 2 THEN array_append(d.options, 'VP9:FORGOTTEN') ELSE d.options END,
       CASE WHEN d.active THEN d.materials ELSE d.kept END
FROM desired_state d LEFT JOIN different c ON c.account = d.account
WHERE d.understood AND c.way IS DISTINCT FROM 0;
