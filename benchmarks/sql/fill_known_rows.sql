-- What is known, one row an option or material.
CREATE TABLE known_row AS
SELECT account, 'option' AS kind, unnest(options) AS fact FROM known_state
UNION ALL
SELECT account, 'material', unnest(materials) FROM known_state;
