-- real_time/forget_removals.sql
-- Forget the minutes that have left the sliding hour.  Params: hour (interval).  Returns: nothing.
DELETE FROM removal_minute WHERE minute < clock_timestamp() - 2 * %(hour)s;
