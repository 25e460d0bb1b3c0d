-- real_time/read_base.sql
-- The accounts that shares are counted of: those of the last whole extract, else those that Tucano is known to have.
-- Returns: accounts.
SELECT coalesce(
    (SELECT landed_accounts FROM batch WHERE extract_whole AND NOT filtered AND landed_accounts IS NOT NULL
     ORDER BY batch_id DESC LIMIT 1),
    (SELECT count(*) FROM known_state WHERE account_exists));
