-- wrk: enrolments, each with a certificate request of its own (a JSON body per line of the file BENCH_BODIES names).
-- Each thread takes every second line, so no request is sent twice in a run that is short enough.
local bodies = {}
local at = 0
local threads = 0

function setup(thread)
  thread:set("index", threads)
  threads = threads + 1
end

function init()
  local number = 0
  for body in io.lines(os.getenv("BENCH_BODIES")) do
    if number % 2 == index then
      bodies[#bodies + 1] = body
    end
    number = number + 1
  end
end

function request()
  at = at % #bodies + 1
  return wrk.format("POST", "/api/agent/enroll", { ["Content-Type"] = "application/json", ["Host"] = "localhost" },
    bodies[at])
end

function done(summary, latency)
  io.write(string.format('RESULT {"requests":%d,"seconds":%.3f,"bad":%d,"p50_ms":%.2f,"p99_ms":%.2f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status + summary.errors.connect + summary.errors.read +
    summary.errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
