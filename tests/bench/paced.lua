-- wrk: heartbeats as a fleet sends them, at a pace and not as fast as they are answered: each of the connections waits
-- BENCH_PAUSE_MS before its next one. The rest is heartbeat.lua's.
dofile(os.getenv("BENCH_LUA") .. "/heartbeat.lua")
local pause_ms = tonumber(os.getenv("BENCH_PAUSE_MS"))

function delay()
  return math.random(pause_ms * 2)
end
