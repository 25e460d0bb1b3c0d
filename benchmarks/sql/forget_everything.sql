-- Back to a platform that has no account. CASCADE takes along what later migrations hang on these tables.
TRUNCATE known_state, claim, open_request, open_plan, request_log, batch_item CASCADE;
