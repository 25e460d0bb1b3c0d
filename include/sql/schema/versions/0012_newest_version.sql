ALTER TABLE batch ADD COLUMN newest_version bigint;
COMMENT ON COLUMN batch.newest_version IS
    'The highest version of a row of the extract; 0 where the CRM has none. A whole extract below the last one is stale.';
