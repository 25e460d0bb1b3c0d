-- What is wanted, one row an option or material: the form in which a table holds one fact a row.
CREATE TABLE desired_row AS
SELECT account, 'option' AS kind, unnest(options) AS fact FROM desired_state WHERE understood
UNION ALL
SELECT account, 'material', unnest(CASE WHEN active THEN materials ELSE kept END) FROM desired_state WHERE understood;
