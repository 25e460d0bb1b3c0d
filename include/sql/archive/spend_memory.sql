-- archive/spend_memory.sql
-- Let this transaction fold in memory: on disk it takes twice as long.
SELECT set_config('work_mem', '128MB', true);
