-- archive/spend_memory.sql
-- Fold in memory and on several cores, in this transaction only: the planner takes each list of options for ten rows
-- and so a parallel plan for too dear.
SELECT set_config('work_mem', '128MB', true), set_config('parallel_tuple_cost', '0', true),
       set_config('parallel_setup_cost', '0', true), set_config('min_parallel_table_scan_size', '0', true);
