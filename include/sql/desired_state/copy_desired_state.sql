-- desired_state/copy_desired_state.sql
-- COPY of one row a subscription; the fingerprint is computed while landing.
COPY desired_state (batch_id, account, subscription_numbers, understood, active, options, materials, kept,
    withheld_because)
FROM STDIN;
