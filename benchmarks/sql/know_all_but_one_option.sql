-- The platform knows every subscriber but for one channel: a plan of one command each.
INSERT INTO known_state (account, account_exists, options, materials)
SELECT 'S' || lpad(n::text, 10, '0'), true, '{VP1:GEOLOGICAL}', ARRAY['VP1:HD' || lpad(n::text, 10, '0') || ':HD']
FROM generate_series(1, %(accounts)s) AS n;
