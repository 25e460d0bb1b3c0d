-- known_state/count_known_state.sql
-- Returns: accounts that exist, their options, their materials.
SELECT count(*) FILTER (WHERE account_exists), coalesce(sum(cardinality(options)), 0),
       coalesce(sum(cardinality(materials)), 0)
FROM known_state;
