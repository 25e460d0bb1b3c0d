-- batch/withhold_items.sql
-- Note why nothing may be taken from accounts, as a fresh plan found it.
-- Params: batch_id; parallel arrays accounts, reasons.  Returns: nothing.
UPDATE batch_item i SET withheld_because = i.withheld_because || w.reason
FROM unnest(%(accounts)s::text[], %(reasons)s::text[]) AS w (account, reason)
WHERE i.batch_id = %(batch_id)s AND i.account = w.account AND w.reason <> ALL(i.withheld_because);
