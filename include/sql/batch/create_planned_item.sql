-- batch/create_planned_item.sql
-- A place to copy plans to before they join their items.
CREATE TEMPORARY TABLE planned_item (
    account text, chunk_number integer, planned jsonb, removals text[], replacement boolean, withheld_because text[]
) ON COMMIT DROP;
