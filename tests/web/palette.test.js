import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { URL_BASE, app, assertAccessible, close, go, launch, open, registerAgent, screenshot, sideScroll, signIn, unique } from './browser.js';

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

test('an answer that comes late does not replace a newer one', async () => {
  const name = unique('late');
  await registerAgent(page, name);
  await go(page, '/');
  await summon();
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route('**/api/search?q=slow', async (route) => {
    await held;
    await route.continue().catch(() => {}); // given up by the page
  });
  const slow = page.waitForRequest('**/api/search?q=slow');
  await box().fill('slow');
  await slow;
  await box().fill(name);
  await options().filter({ hasText: name }).waitFor();
  release();
  await page.unroute('**/api/search?q=slow');
  await options().filter({ hasText: name }).waitFor();
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
