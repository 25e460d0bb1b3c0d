-- archive/use_one_core.sql
-- Let this session read with no process but its own: the other core is for whoever closes requests.  Returns: nothing.
SELECT set_config('max_parallel_workers_per_gather', '0', false);
