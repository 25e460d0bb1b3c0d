-- All requests of the month where the batched side takes them from, as if they had always been there.
TRUNCATE batched_from, batched_to;
INSERT INTO batched_from SELECT * FROM request_log_2026_01;
VACUUM (ANALYZE) batched_from;
CHECKPOINT;
