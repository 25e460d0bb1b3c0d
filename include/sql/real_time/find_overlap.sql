-- real_time/find_overlap.sql
-- Where a feed without transaction ids is read again from: the newest action that came before the overlap began.
-- Params: overlap (interval).  Returns: action_id; no row where nothing is that old.
SELECT action_id FROM action_inbox WHERE received_at < clock_timestamp() - %(overlap)s
ORDER BY received_at DESC LIMIT 1;
