-- What makes two errors the same: command, code and text, in which words with a digit (boxes, numbers, times) are alike.
-- What Tucano says about a name may quote it, so the text is left out of CREATE_ACCOUNT's.
CREATE OR REPLACE FUNCTION error_signature(command text, error_code text, error_description text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN md5(command || '|' || coalesce(error_code, '') || '|'
               || CASE WHEN command = 'CREATE_ACCOUNT' THEN ''
                       ELSE regexp_replace(coalesce(error_description, ''), '[[:alnum:]_-]*\d[[:alnum:]_-]*', '#', 'g')
                  END);
