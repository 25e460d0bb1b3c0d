-- desired_state/copy_desired_state.sql
-- COPY of one row a subscription; the fingerprint is computed while landing.
-- FREEZE needs the truncation before it in the same transaction, and lets detection read the index alone.
COPY desired_state (batch_id, account, subscription_numbers, understood, active, options, materials, kept,
    withheld_because)
FROM STDIN WITH (FREEZE);
