-- batch/read_newest_version.sql
-- The newest version in the extract of a batch, and in the last whole unfiltered one before it.
-- Params: batch_id.  Returns: this one's, the last whole one's; null where none was noted.
SELECT (b.counts ->> 'newest_version')::bigint,
       (SELECT (w.counts ->> 'newest_version')::bigint FROM batch w
        WHERE w.batch_id < b.batch_id AND w.extract_whole AND NOT w.filtered AND w.landed_accounts IS NOT NULL
        ORDER BY w.batch_id DESC LIMIT 1)
FROM batch b WHERE b.batch_id = %(batch_id)s;
