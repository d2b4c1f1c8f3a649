// What holds on every page: the policy, the weight, the keyboard, both colour schemes, a narrow screen. What axe-core has
// to say about them is in axe.test.js.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, assertAccessible, call, close, freeze, go, launch, liveAgent, open, screenshot, sideScroll, signIn } from './browser.js';

let browser;
let pages;
before(async () => {
  browser = await launch();
  const page = await open(browser);
  await signIn(page);
  const agent = await liveAgent(page);
  const { items } = await call(page, 'GET', '/api/runs?limit=1');
  pages = [
    ['overview', '/', 'Overview'], ['agents', '/agents', 'Agents'], ['agent', `/agents/${agent.id}`, agent.name],
    ['add', '/add', 'Add an agent'], ['add-key', '/add?tab=key', 'Add an agent'], ['backups', '/backups', 'Backups'],
    ['run', `/backups/${items[0].id}`, items[0].configName], ['missing', '/no/such/page', 'Not found'],
  ];
  await close(page);
});
after(() => browser.close());

async function visit(page, [, path, title]) {
  await go(page, path);
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  await page.waitForFunction(() => !document.querySelector('.loading'));
}

test('dark is dark and light is light', async () => {
  const brightness = async (colorScheme) => {
    const page = await open(browser, { colorScheme });
    await go(page, '/login');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    const rgb = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).slice(0, 3).map(Number));
    await close(page);
    return Math.max(...rgb);
  };
  assert.ok(await brightness('light') > 200);
  assert.ok(await brightness('dark') < 60);
});

test('no page scrolls sideways at 360 pixels', async () => {
  const page = await open(browser, { viewport: { width: 360, height: 740 }, hasTouch: true });
  await signIn(page);
  for (const each of pages) {
    await visit(page, each);
    assert.equal(await sideScroll(page), 0, each[0]);
    await assertAccessible(page, `${each[0]}, narrow`);
    await screenshot(page, `${each[0]}-narrow`);
  }
  await close(page);
});

test('the policy allows nothing inline, and the pages have nothing inline', async () => {
  const page = await open(browser);
  await signIn(page);
  const reply = await go(page, '/');
  const policy = reply.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self'(;|$)/);
  assert.match(policy, /style-src 'self'(;|$)/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  for (const each of pages) {
    await visit(page, each);
    // What a chart places it places by script, which the policy allows; it is in no page that was sent.
    const inline = await page.evaluate(() => [...document.querySelectorAll('*:not(.plot *)')].filter((element) => element.hasAttribute('style')
      || (['SCRIPT', 'STYLE'].includes(element.tagName) && element.textContent.trim())
      || [...element.attributes].some(({ name }) => name.startsWith('on'))).map((element) => element.outerHTML.slice(0, 80)));
    assert.deepEqual(inline, [], each[0]);
  }
  await close(page); // which fails on a violation that the console told of
});

test('everything that a first visit fetches is under 100 KiB', async () => {
  const page = await open(browser);
  const wire = await page.context().newCDPSession(page);
  let bytes = 0;
  wire.on('Network.loadingFinished', (event) => { bytes += event.encodedDataLength; });
  await wire.send('Network.enable');
  await go(page, '/login');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.waitForLoadState('networkidle');
  assert.ok(bytes > 1000 && bytes < 100 * 1024, `${bytes} bytes`);
  await close(page);
});

test('who comes with a session is told at once what the overview takes, and nobody else', async () => {
  const page = await open(browser);
  const named = async (path) => {
    const reply = await page.context().request.get(URL_BASE + path);
    assert.equal(reply.status(), 200);
    return (await reply.text()).includes('<link rel="modulepreload" href="/js/pages/overview.js">');
  };
  assert.deepEqual([await named('/'), await named('/login')], [false, false]);
  await page.context().addCookies([{ name: '__Host-muster-device', value: 'x', url: URL_BASE, secure: true }]);
  assert.equal(await named('/'), false);
  await signIn(page);
  assert.deepEqual([await named('/'), await named('/agents')], [true, true]);
  await close(page);
});

// The pages are fetched while somebody types, so that signing in does not have to wait for them.
test('the page to come is fetched when somebody begins to sign in, and not before', async () => {
  const page = await open(browser);
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await go(page, '/backups');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.waitForLoadState('networkidle');
  assert.deepEqual(asked.filter((path) => path.startsWith('/js/pages/')).sort(), ['/js/pages/login.js', '/js/pages/missing.js']);
  const fetched = page.waitForRequest('**/js/pages/backups.js');
  await page.getByLabel('E-mail').fill('a');
  await fetched;
  assert.ok(!asked.includes('/js/pages/overview.js'));
  await close(page);
});

test('the first Tab reaches a link that skips to the content', async () => {
  const page = await open(browser);
  await signIn(page);
  await visit(page, pages[1]);
  await page.keyboard.press('Tab');
  await page.waitForFunction(() => document.activeElement.textContent === 'Skip to the content');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.id === 'main');
  assert.equal(page.url(), `${URL_BASE}/agents`);
  await close(page);
});

test('going to another page moves the focus there and names the tab', async () => {
  const page = await open(browser);
  await signIn(page);
  await visit(page, pages[0]);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Backups' }).press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Backups' }).waitFor();
  assert.ok(await page.evaluate(() => document.querySelector('main').contains(document.activeElement)));
  // It follows a moment after the heading is drawn.
  await page.waitForFunction(() => document.title === 'Backups · Muster');
  await close(page);
});

test('the focus moves with the page, so that it is taken from no field of the new one', async () => {
  const page = await open(browser);
  await signIn(page);
  await page.clock.install();
  await visit(page, pages[0]);
  await freeze(page);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Backups' }).press('Enter');
  await page.waitForURL(`${URL_BASE}/backups`);
  assert.equal(await page.evaluate(() => document.activeElement.className), 'page-body');
  await close(page);
});

test('a server that is away is said so, and the page recovers by itself', async () => {
  const page = await open(browser);
  await signIn(page);
  await visit(page, pages[1]);
  await page.route('**/api/**', (route) => route.abort());
  await page.getByText('The server cannot be reached').waitFor();
  assert.ok(await page.getByRole('row').count() > 1, 'the last good data went away');
  await page.unroute('**/api/**');
  await page.getByText('The server cannot be reached').waitFor({ state: 'detached' });
  await close(page);
});
