// The overview as a browser loads it for the first time: bytes that came over the wire, when something was painted, how
// long its calls of the API took. Prints one JSON object. Environment: BENCH_URL, BENCH_EMAIL, BENCH_PASSWORD.
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../web/package.json', import.meta.url))('playwright-core');
const IDLE_MS = 500;
const { BENCH_URL: url, BENCH_EMAIL: email, BENCH_PASSWORD: password } = process.env;

const browser = await chromium.launch({
  executablePath: process.env.MUSTER_CHROMIUM || '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--ignore-certificate-errors'],
});
const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 } });
const signedIn = await context.request.post(`${url}/api/auth/login`, { data: { email, password }, headers: { Origin: url } });
if (!signedIn.ok()) throw new Error(`signing in: ${signedIn.status()} ${await signedIn.text()}`);

const page = await context.newPage();
const cdp = await context.newCDPSession(page);
await cdp.send('Network.enable');
let bytes = 0;
const underWay = new Set();
let quietSince = Infinity;
const ends = ({ requestId, encodedDataLength = 0 }) => {
  bytes += encodedDataLength;
  if (underWay.delete(requestId) && !underWay.size) quietSince = Date.now();
};
cdp.on('Network.requestWillBeSent', ({ requestId, type }) => {
  if (type !== 'EventSource') underWay.add(requestId); // the stream of changes never ends
});
cdp.on('Network.loadingFinished', ends);
cdp.on('Network.loadingFailed', ends);
await page.goto(url);
await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
await page.waitForFunction(() => !document.querySelector('.loading'));
// What comes late counts, too: until nothing has been under way for half a second, which is what browsers call idle.
while (underWay.size || Date.now() - quietSince < IDLE_MS) await page.waitForTimeout(50);
const timing = await page.evaluate(() => ({
  paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
  api: Math.max(...performance.getEntriesByType('resource').filter((e) => e.name.includes('/api/overview')).map((e) => e.duration)),
}));
console.log(JSON.stringify({ bytes, paint_ms: timing.paint, api_ms: timing.api }));
await browser.close();
