-- wrk: heartbeats of many agents. Each request carries the next key of the file that BENCH_KEYS names, so that no
-- key runs into its rate limit.
local requests = {}
local at = 0

function init()
  local body = os.getenv("BENCH_BODY")
  for key in io.lines(os.getenv("BENCH_KEYS")) do
    requests[#requests + 1] = wrk.format("POST", "/api/agent/heartbeat",
      { ["X-Agent-API-Key"] = key, ["Content-Type"] = "application/json", ["Host"] = "localhost" }, body)
  end
  at = math.random(#requests)
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  io.write(string.format('RESULT {"requests":%d,"seconds":%.3f,"bad":%d,"p50_ms":%.2f,"p99_ms":%.2f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status + summary.errors.connect + summary.errors.read +
    summary.errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
