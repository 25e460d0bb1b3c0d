-- request_log/renew_numbers.sql
-- Draw no request number any more that Tucano may have seen.  Params: beyond.  Returns: the first new number.
SELECT renew_request_numbers(%(beyond)s);
