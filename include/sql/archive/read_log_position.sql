-- archive/read_log_position.sql
-- How far requests are closed by now, whatever this transaction sees.  Returns: the log's last number.
SELECT last_value FROM log_sequence;
