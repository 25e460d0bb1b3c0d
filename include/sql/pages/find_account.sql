-- pages/find_account.sql
-- For which account was a subscription served that the CRM does not have (any more)?
-- Params: subscription_number.  Returns: account; no row where nobody has heard of it.
SELECT account FROM (
    (SELECT account, 1 AS rank FROM open_request WHERE subscription_number = %(subscription_number)s LIMIT 1)
    UNION ALL
    (SELECT account, 2 FROM request_log WHERE subscription_number = %(subscription_number)s
     ORDER BY log_number DESC LIMIT 1)
    UNION ALL
    (SELECT account, 3 FROM request_archive WHERE subscription_number = %(subscription_number)s
     ORDER BY log_number DESC LIMIT 1)
    UNION ALL
    (SELECT account, 4 FROM known_state WHERE account = %(subscription_number)s)
    UNION ALL
    (SELECT account, 5 FROM rejected_row
     WHERE subscription_number = %(subscription_number)s AND account IS NOT NULL LIMIT 1)
) AS found
ORDER BY rank
LIMIT 1;
