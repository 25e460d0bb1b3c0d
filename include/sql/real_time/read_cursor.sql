-- real_time/read_cursor.sql
-- How far the feed was read.  Returns: action_id, from_transaction, began_at_action; no row before the first look.
SELECT action_id, from_transaction, began_at_action FROM action_cursor;
