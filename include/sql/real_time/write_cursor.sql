-- real_time/write_cursor.sql
-- Record how far the feed was read.  Params: action_id, from_transaction, began_at_action.  Returns: nothing.
-- Of two lanes each writes what it has read whole, so either may be the last; only the first look sets the beginning.
INSERT INTO action_cursor (action_id, from_transaction, began_at_action)
VALUES (%(action_id)s, %(from_transaction)s, %(began_at_action)s)
ON CONFLICT (one_row) DO UPDATE
    SET action_id = greatest(action_cursor.action_id, excluded.action_id),
        from_transaction = excluded.from_transaction, read_at = clock_timestamp();
