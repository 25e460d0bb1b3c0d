-- archive/find_constraint.sql
-- Has a table a check of that name, and is it validated?  Params: table_name, constraint_name.  Returns: convalidated.
SELECT c.convalidated FROM pg_constraint c
WHERE c.conrelid = to_regclass(%(table_name)s) AND c.conname = %(constraint_name)s;
