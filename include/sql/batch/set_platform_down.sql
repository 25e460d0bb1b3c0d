-- batch/set_platform_down.sql
-- Tell the other tasks of the run that the platform is dead.  Params: batch_id, reason.
UPDATE batch SET platform_down = %(reason)s WHERE batch_id = %(batch_id)s AND platform_down IS NULL;
