-- real_time/add_removals.sql
-- Count removals in this minute.  Params: pure, replacements.  Returns: nothing.
INSERT INTO removal_minute (minute, pure, replacements)
VALUES (date_trunc('minute', clock_timestamp()), %(pure)s, %(replacements)s)
ON CONFLICT (minute) DO UPDATE
    SET pure = removal_minute.pure + excluded.pure, replacements = removal_minute.replacements + excluded.replacements;
