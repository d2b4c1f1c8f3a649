-- wrk: the reference, a static file of 500 bytes from the same nginx.
function done(summary, latency)
  io.write(string.format('RESULT {"requests":%d,"seconds":%.3f,"bad":%d,"p50_ms":%.2f,"p99_ms":%.2f}\n',
    summary.requests, summary.duration / 1e6, summary.errors.status + summary.errors.connect + summary.errors.read +
    summary.errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
