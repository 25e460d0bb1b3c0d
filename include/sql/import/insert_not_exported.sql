-- import/insert_not_exported.sql
-- List accounts that Tucano is known to serve and that an export, which replaces what is known, does not have.
-- Params: batch_id.  Returns: nothing; its row count is the number of accounts.
INSERT INTO rejected_row (batch_id, account, reason, explanation)
SELECT %(batch_id)s, k.account, 'NOT_IN_EXPORT',
       format('account %%s is known to exist (%%s options, %%s boxes) but the export does not have it: known state was '
              'left as it is; reset the subscription with force to ask Tucano', k.account, cardinality(k.options),
              cardinality(k.materials))
FROM known_state k
WHERE k.account_exists
  AND NOT EXISTS (SELECT FROM logged_request l WHERE l.account = k.account AND l.batch_id = %(batch_id)s
                  AND l.command = 'IMPORT')
  AND NOT EXISTS (SELECT FROM rejected_row r WHERE r.account = k.account AND r.batch_id = %(batch_id)s);
