-- archive/digest_folded_things.sql
-- The options and materials that Tucano is known to have, folded from all closed requests, hot and cold.
-- Returns: things that are there, their digest (free of order).
-- archive/digest_known_state.sql gives the same of known_state; where they differ, list_fold_differences.sql finds the
-- accounts. A thing is a 64-bit hash; its last word is one bigint: the log's number, 23 bits of the value, and whether
-- it is there, so that the largest is the last. Text keys take three times as long.
-- The few rows that tell a whole account come from logged_effect; the five commands are read here as there, in one pass
-- that takes two thirds of the time. A test holds both to core/plan.apply.
WITH reset AS (
    SELECT account, max(log_number) AS log_number FROM logged_reset GROUP BY account
), effect AS (
    SELECT r.account, r.log_number,
           hashtextextended(CASE WHEN option IS NULL
                                THEN 'M:' || r.distributor || ':' || (r.parameters ->> 'serial_number')
                                ELSE 'O:' || r.distributor || ':' || option END, hashtextextended(r.account, 0)) AS thing,
           CASE r.command WHEN 'ACTIVATE_OPTIONS' THEN (hashtext('') & 8388607) << 1 | 1
                          WHEN 'ADD_MATERIAL'
                          THEN (hashtext(coalesce(r.parameters ->> 'material_type', '')) & 8388607) << 1 | 1
                          ELSE 0 END AS value
    FROM logged_request r LEFT JOIN LATERAL jsonb_array_elements_text(r.parameters -> 'options') AS option ON true
    WHERE r.state = 'COMPLETED'
      AND r.command IN ('ACTIVATE_OPTIONS', 'SUSPEND_OPTIONS', 'ADD_MATERIAL', 'REMOVE_MATERIAL')
    UNION ALL
    SELECT account, log_number, hashtextextended(thing, hashtextextended(account, 0)),
           CASE WHEN value IS NULL THEN 0 ELSE (hashtext(value) & 8388607) << 1 | 1 END
    FROM logged_effect WHERE command IN ('IMPORT', 'CHECKPOINT') AND thing <> 'A'
), last AS (
    SELECT e.thing, max((e.log_number << 24) | e.value) AS word
    FROM effect e LEFT JOIN reset s ON s.account = e.account
    WHERE e.log_number >= coalesce(s.log_number, 0)
    GROUP BY e.thing
)
SELECT count(*), coalesce(sum(hashint8extended(word & 16777215, thing)), 0) FROM last WHERE word & 1 = 1;
