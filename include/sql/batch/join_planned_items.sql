-- batch/join_planned_items.sql
-- Write the plans to their items.  Params: batch_id.
UPDATE batch_item i
SET chunk_number = p.chunk_number, planned = p.planned, removals = p.removals, replacement = p.replacement,
    withheld_because = p.withheld_because
FROM planned_item p WHERE i.batch_id = %(batch_id)s AND i.account = p.account;
