import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, app, assertAccessible, close, freeze, go, launch, open, registerAgent, screenshot, sideScroll, signIn, unique } from './browser.js';

let browser;
let page;
before(async () => {
  browser = await launch();
  page = await open(browser);
  await signIn(page);
});
after(async () => {
  await close(page);
  await browser.close();
});

const box = () => page.getByRole('combobox', { name: 'Search everything' });
const options = () => page.getByRole('listbox', { name: 'Found' }).getByRole('option');

async function summon() {
  await page.getByRole('button', { name: 'Search' }).waitFor();
  await page.keyboard.press('Control+k');
  await box().waitFor();
}

const chooses = (name) => page.waitForFunction((wanted) => {
  const input = document.querySelector('.palette input');
  return document.getElementById(input.getAttribute('aria-activedescendant'))?.textContent.includes(wanted);
}, name);

test('the keys open it where one is, the arrows choose, and Enter goes there', async () => {
  const stem = unique('found');
  const agents = [await registerAgent(page, `${stem}-a`), await registerAgent(page, `${stem}-b`)];
  await go(page, '/');
  await summon();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'combobox');
  await box().fill(stem);
  await options().filter({ hasText: agents[1].name }).waitFor();
  await chooses(agents[0].name);
  await page.keyboard.press('ArrowDown');
  await chooses(agents[1].name);
  await page.keyboard.press('ArrowDown'); // around
  await chooses(agents[0].name);
  await page.keyboard.press('ArrowUp');
  await chooses(agents[1].name);
  assert.equal(await options().nth(1).getAttribute('aria-selected'), 'true');
  await assertAccessible(page, 'palette');
  await screenshot(page, 'palette');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${URL_BASE}/agents/${agents[1].id}`);
  await box().waitFor({ state: 'detached' });
});

test('a mouse does as well, from the button in the header', async () => {
  await go(page, '/agents');
  await page.getByRole('button', { name: 'Search' }).click();
  await options().filter({ hasText: 'Containers' }).click();
  await page.waitForURL(`${URL_BASE}/containers`);
});

test('it opens with the pages, says when nothing is found, and Escape gives the focus back', async () => {
  await go(page, '/agents');
  await page.getByRole('button', { name: 'Search' }).focus();
  await summon();
  await options().filter({ hasText: 'Overview' }).waitFor();
  await box().fill('there is no such thing');
  await page.getByText('Nothing has “there is no such thing” in its name.').waitFor();
  assert.equal(await page.locator('.palette [role="status"]').textContent(), '0 found');
  await page.keyboard.press('Escape');
  await box().waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement.classList.contains('find'));
});

test('the keys do not open it over another dialog', async () => {
  const agent = await registerAgent(page, unique('beneath'));
  await go(page, `/agents/${agent.id}`);
  await page.getByRole('button', { name: 'Rename' }).click();
  await page.getByRole('dialog').getByLabel('Name').waitFor();
  await page.keyboard.press('Control+k');
  assert.equal(await page.locator('dialog').count(), 1);
});

const asksFor = (q) => ({ pathname, searchParams }) => pathname === '/api/search' && searchParams.get('q') === q;
const requestFor = (q) => (request) => asksFor(q)(new URL(request.url()));

test('an answer that comes late does not replace a newer one', async () => {
  const name = unique('late');
  await registerAgent(page, name);
  await go(page, '/');
  await summon();
  await page.route(asksFor('slow'), () => {}); // is never answered
  const asked = page.waitForRequest(requestFor('slow'));
  await box().fill('slow');
  await asked;
  const givenUp = page.waitForEvent('requestfailed', requestFor('slow'));
  await box().fill(name);
  await givenUp;
  await options().filter({ hasText: name }).waitFor();
  await page.keyboard.press('Escape');
});

test('Enter before the answer is there waits for it, unless more is typed', async () => {
  const name = unique('hasty');
  const agent = await registerAgent(page, name);
  await go(page, '/agents');
  await summon();
  await options().first().waitFor(); // the pages: Enter would go to the first of them
  let letGo;
  const held = new Promise((resolve) => { letGo = resolve; });
  await page.route(asksFor(name), async (route) => {
    await held;
    await route.continue().catch(() => {}); // the first one is given up by the page
  });
  const typeAndEnter = async (text) => {
    const asked = page.waitForRequest(requestFor(name));
    await page.keyboard.type(text);
    await page.keyboard.press('Enter');
    await asked;
  };
  await typeAndEnter(name);
  await page.keyboard.press('Backspace');
  await options().filter({ hasText: name }).waitFor();
  await typeAndEnter(name.at(-1));
  assert.equal(page.url(), `${URL_BASE}/agents`);
  letGo();
  await page.waitForURL(`${URL_BASE}/agents/${agent.id}`);
});

test('the keys count as soon as the button is seen', async () => {
  const tab = await open(browser);
  await signIn(tab);
  await tab.clock.install();
  let letGo;
  const held = new Promise((resolve) => { letGo = resolve; });
  await tab.route('**/api/auth/session', async (route) => {
    await held;
    await route.continue();
  });
  const asked = tab.waitForRequest('**/api/auth/session');
  await go(tab, '/agents');
  await asked;
  await freeze(tab);
  letGo();
  await tab.getByRole('button', { name: 'Search' }).waitFor();
  await tab.keyboard.press('Control+k');
  await tab.clock.resume();
  await tab.getByRole('combobox', { name: 'Search everything' }).waitFor();
  await close(tab);
});

test('the keys held down open it once', async () => {
  await go(page, '/agents');
  await page.getByRole('button', { name: 'Search' }).waitFor();
  await page.keyboard.down('Control');
  for (let n = 0; n < 4; n++) await page.keyboard.down('k'); // what is down already repeats itself
  await page.keyboard.up('k');
  await page.keyboard.up('Control');
  await box().waitFor();
  await page.keyboard.press('Escape');
});

test('others find what is theirs, on a phone too', async () => {
  const name = unique('private');
  await registerAgent(page, name);
  const email = `${unique('viewer')}@example.org`;
  const password = 'correct horse battery staple';
  await app(['user', 'add', email, '--role', 'viewer'], `${password}\n`);
  const tab = await open(browser, { viewport: { width: 390, height: 800 } });
  await signIn(tab, { email, password });
  await go(tab, '/');
  await tab.getByRole('button', { name: 'Search' }).click();
  await tab.getByRole('combobox', { name: 'Search everything' }).fill(name);
  await tab.getByText('Nothing has').waitFor();
  assert.ok(await sideScroll(tab) <= 0);
  await close(tab);
});
