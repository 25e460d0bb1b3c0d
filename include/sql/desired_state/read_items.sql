-- desired_state/read_items.sql
-- The accounts out of sync with what is wanted and what is known, in the order of account. One whose row the CRM does
-- not have, or has so that it is not understood, wants nothing: only its request in doubt is to be settled.
-- Params: batch_id.
-- Returns: account, subscription_numbers, understood, active, options, materials, kept, withheld_because,
--          account_exists, known options, known materials (NULL where nothing is known),
--          distrusted: account_asked, options, materials.
SELECT i.account, i.subscription_numbers, coalesce(d.understood, false), coalesce(d.active, false),
       coalesce(d.options, '{}'), coalesce(d.materials, '{}'), coalesce(d.kept, '{}'), coalesce(d.withheld_because, '{}'),
       k.account_exists, k.options, k.materials,
       coalesce(t.account_asked, false), coalesce(t.options, '{}'), coalesce(t.materials, '{}')
FROM batch_item i
LEFT JOIN desired_state d ON d.batch_id = i.batch_id AND d.account = i.account
LEFT JOIN known_state k ON k.account = i.account
LEFT JOIN distrusted_by(%(batch_id)s) t ON t.account = i.account
WHERE i.batch_id = %(batch_id)s
ORDER BY i.account COLLATE "C";
