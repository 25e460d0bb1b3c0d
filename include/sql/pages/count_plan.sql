-- pages/count_plan.sql
-- The plan of a batch in a few lines.  Params: batch_id.  Returns: command, distributor, accounts, commands.
SELECT command ->> 'command', command ->> 'distributor', count(DISTINCT account), count(*)
FROM batch_item CROSS JOIN LATERAL jsonb_array_elements(planned) AS command
WHERE batch_id = %(batch_id)s AND planned <> '[]'
GROUP BY 1, 2
ORDER BY array_position(ARRAY['CREATE_ACCOUNT', 'ADD_MATERIAL', 'ACTIVATE_OPTIONS', 'SUSPEND_OPTIONS', 'REMOVE_MATERIAL'],
                        command ->> 'command'), 2;
