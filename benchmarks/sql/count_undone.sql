-- What should not be: requests still open, refused, or of an account that did not end well.
SELECT (SELECT count(*) FROM open_request)
     + (SELECT count(*) FROM request_log WHERE state <> 'COMPLETED')
     + (SELECT count(*) FROM batch_item WHERE outcome IS DISTINCT FROM 'COMPLETED');
