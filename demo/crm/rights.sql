-- demo/crm/rights.sql
-- crm_reader may read what the contract's statements read, and nothing else; only crm_owner may act.

GRANT USAGE ON SCHEMA crm TO crm_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO crm_reader;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA crm FROM PUBLIC;
