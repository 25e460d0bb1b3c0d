-- known_state/find_serial_holders.sql
-- Which accounts is Tucano known to have these boxes at?
-- Params: serial_numbers.  Returns: serial_number, account.
SELECT s.serial_number, k.account
FROM known_state k CROSS JOIN LATERAL unnest(serial_numbers(k.materials)) AS s (serial_number)
WHERE serial_numbers(k.materials) && %(serial_numbers)s::text[] AND s.serial_number = ANY(%(serial_numbers)s::text[]);
