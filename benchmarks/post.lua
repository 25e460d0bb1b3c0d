-- One request of the southbound contract, again and again, for wrk.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Idempotency-Key"] = "PR-0000000123"
wrk.headers["Authorization"] = "Basic YmVuY2htYXJrOmJlbmNobWFyaw=="
wrk.body = '{"request_number":"PR-0000000123","command":"ACTIVATE_OPTIONS","account":"S0000000309",' ..
    '"parameters":{"distributor":"VP1","options":["ENTERTAIN","GEOLOGICAL"]}}'
