-- One account a row, whichever side misses something of it.
SELECT DISTINCT coalesce(d.account, k.account)
FROM desired_row d FULL OUTER JOIN known_row k
    ON k.account = d.account AND k.kind = d.kind AND k.fact = d.fact
WHERE d.account IS NULL OR k.account IS NULL;
