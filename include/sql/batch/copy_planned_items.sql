-- batch/copy_planned_items.sql
-- COPY of plans into the temporary table.
COPY planned_item (account, chunk_number, planned, removals, replacement, withheld_because) FROM STDIN;
