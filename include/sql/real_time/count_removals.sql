-- real_time/count_removals.sql
-- How many accounts the lane took something from in the sliding hour.  Params: hour (interval).
-- Returns: pure, replacements.
SELECT coalesce(sum(pure), 0), coalesce(sum(replacements), 0) FROM removal_minute
WHERE minute > clock_timestamp() - %(hour)s;
