-- archive/spend_memory.sql
-- Let this transaction fold in memory: on disk it takes twice as long. And in one process: each of several would fold
-- most things, and what they found be folded once more.
SELECT set_config('work_mem', '128MB', true), set_config('max_parallel_workers_per_gather', '0', true);
