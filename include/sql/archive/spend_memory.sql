-- archive/spend_memory.sql
-- Let this transaction fold in memory: on disk it takes twice as long. And with no process but its own: whoever closes
-- requests meanwhile would wait for a core.
SELECT set_config('work_mem', '128MB', true), set_config('max_parallel_workers_per_gather', '0', true);
