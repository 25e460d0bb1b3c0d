-- desired_state/insert_gone.sql
-- List accounts that Tucano serves and the CRM no longer shows: for a person, never a termination.
-- Params: batch_id.  Returns: nothing.
INSERT INTO rejected_row (batch_id, account, subscription_number, reason, explanation)
SELECT %(batch_id)s, k.account, NULL, 'GONE_FROM_CRM',
       format('account %%s is served by Tucano (%%s options, %%s boxes) but the extract has no row for it: end the '
              'subscription in the CRM, or find out why it is no longer extracted', k.account,
              cardinality(k.options), cardinality(k.materials))
FROM known_state k
WHERE (k.options <> '{}' OR k.materials <> '{}')
  AND NOT EXISTS (SELECT FROM desired_state d WHERE d.batch_id = %(batch_id)s AND d.account = k.account)
  AND NOT EXISTS (SELECT FROM rejected_row r WHERE r.batch_id = %(batch_id)s AND r.account = k.account);
