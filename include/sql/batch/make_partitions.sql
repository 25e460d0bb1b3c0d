-- batch/make_partitions.sql
-- Make the log's partitions of this and the next three months.  Returns: the names of those made.
SELECT make_partitions();
