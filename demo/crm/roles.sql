-- demo/crm/roles.sql
-- Make the two roles of the demo CRM if they are missing: crm_owner (owns, acts) and crm_reader (reads only).
-- No password is set here: whoever starts the server sets them, so that none stands in a file.
-- The guards let a crm_owner without CREATEROLE run it again on a server where the roles exist.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crm_owner') THEN
        CREATE ROLE crm_owner LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'crm_reader') THEN
        CREATE ROLE crm_reader LOGIN;
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_db_role_setting AS setting
        JOIN pg_roles AS role ON role.oid = setting.setrole
        WHERE role.rolname = 'crm_reader'
          AND setting.setdatabase = 0
          AND 'default_transaction_read_only=on' = ANY (setting.setconfig)
    ) THEN
        ALTER ROLE crm_reader SET default_transaction_read_only = on;
    END IF;
END
$$;
