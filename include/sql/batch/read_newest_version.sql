-- batch/read_newest_version.sql
-- The newest version in the extract of a batch, and in the last whole unfiltered one before it.
-- Params: batch_id.  Returns: this one's, the last whole one's; null where none was noted.
SELECT b.newest_version,
       (SELECT w.newest_version FROM batch w
        WHERE w.batch_id < b.batch_id AND w.extract_whole AND NOT w.filtered AND w.landed_accounts IS NOT NULL
        ORDER BY w.batch_id DESC LIMIT 1)
FROM batch b WHERE b.batch_id = %(batch_id)s;
