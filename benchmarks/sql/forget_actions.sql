-- An empty inbox, and a feed that was read to its end.
TRUNCATE action_inbox, action_cursor, removal_minute;
