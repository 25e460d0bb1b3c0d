-- Let every account that is landed differ from what is known.
UPDATE known_state k SET options = array_append(k.options, 'VP9:OLD')
FROM desired_state d
WHERE d.account = k.account AND k.account_exists AND k.options[cardinality(k.options)] IS DISTINCT FROM 'VP9:FORGOTTEN';
