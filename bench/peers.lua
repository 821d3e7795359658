-- A script for wrk: it sends the requests of a file, one after the other, and prints what came of it as a line of JSON.
-- Each line of the file is a method, a path and a body, with tabs between them.

function init(arguments)
  requests, at = {}, 0
  for line in io.lines(arguments[1]) do
    local method, path, body = line:match("^(.-)\t(.-)\t(.*)$")
    local headers = { ["Content-Type"] = "application/json" }
    if arguments[2] then headers["Authorization"] = "Bearer " .. arguments[2] end
    if body == "" then body = nil end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
