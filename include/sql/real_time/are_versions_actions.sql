-- real_time/are_versions_actions.sql
-- Are the versions of the CRM's rows ids of its actions?  Params: none.  Returns: boolean, not null.
-- A CRM may number versions in its own way: list_newest_actions.sql says how it shows.
WITH last_whole AS (
    SELECT opened_at, newest_version FROM batch
    WHERE extract_whole AND NOT filtered AND landed_accounts IS NOT NULL
    ORDER BY batch_id DESC LIMIT 1
)
SELECT coalesce(
    (SELECT newest_version FROM last_whole)
    >= (SELECT max(action_id) FROM action_inbox
        WHERE (batch_id IS NOT NULL OR state = 'WAITING')
          AND received_at < (SELECT opened_at FROM last_whole)),
    false);
