// What one agent does about updates, and containers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, call, close, go, launch, open, screenshot, signIn, stepUp, unique } from './browser.js';
import { addHost, publishRelease } from './fleet.js';

let browser;
let page;
let version;
before(async () => {
  browser = await launch();
  page = await open(browser);
  await signIn(page);
  version = await publishRelease(undefined, ['--container-image', 'registry.example.net/agent:next']);
});
after(async () => {
  await close(page);
  await browser.close();
});

const dialog = () => page.getByRole('dialog');
const updates = () => page.getByRole('region', { name: 'Updates' });

async function visit(host) {
  await go(page, `/agents/${host.id}`);
  await page.getByRole('heading', { level: 1, name: host.name }).waitFor();
  await updates().getByText('Runs', { exact: true }).waitFor();
}

test('“update now” offers a release at once, and the page follows it to its end', async () => {
  const host = await addHost(page);
  await visit(host);
  await page.getByRole('button', { name: 'Update now' }).click();
  await dialog().getByLabel('Version').selectOption(version);
  await dialog().getByText('outside stages, pace and windows').waitFor();
  await assertAccessible(page, 'update now');
  await dialog().getByRole('button', { name: 'Update now' }).click();
  await stepUp(page);
  await page.getByText(`${host.name} is offered ${version}`).waitFor();
  const offer = await host.offered(version);
  assert.equal(offer.force, true);
  await updates().getByRole('link', { name: version }).first().waitFor();
  await updates().getByText('(now, whatever its window)').waitFor();
  await host.say('downloading', { percent: 64 });
  await updates().getByText('64 %').waitFor();
  assert.equal(await updates().getByRole('progressbar', { name: 'Download' }).getAttribute('value'), '64');
  await screenshot(page, 'agent-updating');
  const history = page.getByRole('table', { name: 'Update history' });
  await host.say('trial');
  await history.getByText('On trial').waitFor();
  host.version = version;
  await host.say('committed');
  await history.getByText('Updated', { exact: true }).waitFor();
  await assertAccessible(page, 'agent with updates');
});

test('why an update failed or was left out can be read by people', async () => {
  const host = await addHost(page);
  await call(page, 'POST', `/api/agents/${host.id}/update`, { version });
  await host.offered(version);
  await host.say('skipped', { reason: 'UPDATE_PIN holds this host at 0.1.0' });
  await visit(host);
  await updates().getByText('UPDATE_PIN holds this host at 0.1.0.').waitFor();
  await updates().getByText('Its agent.conf decides that').waitFor();
  await call(page, 'POST', `/api/agents/${host.id}/update`, { version });
  host.report = { state: 'idle' };
  await host.offered(version);
  await host.restore('not acknowledged within 120 s', 'connecting\n');
  await updates().getByText('Not acknowledged within 120 s.').waitFor();
  await updates().getByText('the old version is back').waitFor();
  await screenshot(page, 'agent-restored');
});

test('what the server refuses is said in the dialog', async () => {
  const host = await addHost(page, undefined, { capabilities: [] });
  await visit(host);
  await page.getByRole('button', { name: 'Update now' }).click();
  await dialog().getByRole('button', { name: 'Update now' }).click();
  await stepUp(page);
  await dialog().getByRole('alert').getByText('this agent does not update in place').waitFor();
});

test('a container is rolled out by the agent that may, when it is told to', async () => {
  const workload = `monitoring/daemonset/${unique('agent')}`;
  const container = (fields) => addHost(page, unique('pod'), { deploymentMode: 'container', ...fields });
  const able = await container({ capabilities: ['k8s-rollout'] });
  await able.say('available', { version, workload });
  const unable = await container({ capabilities: [] });
  await unable.say('available', { version });
  await go(page, '/containers');
  const row = (host) => page.getByRole('row').filter({ hasText: host.name });
  await row(unable).getByText('by hand').waitFor();
  await row(able).getByText(workload).waitFor();
  await assertAccessible(page, 'containers');
  await screenshot(page, 'containers');
  await page.getByRole('button', { name: `Roll out ${able.name}` }).click();
  await dialog().getByText('registry.example.net/agent:next').waitFor();
  await dialog().getByRole('button', { name: 'Roll out' }).click();
  await stepUp(page);
  await page.getByText(`${able.name} is told to roll out ${version}`).waitFor();
  const [order] = await able.commands();
  assert.deepEqual([order.kind, order.args], ['k8s-rollout', { version }]);

  able.version = version;
  await able.say('committed');
  await row(able).waitFor({ state: 'detached' });
  await visit(able);
  assert.equal(await page.getByRole('button', { name: 'Update now' }).count(), 0);
  await updates().getByRole('link', { name: 'Containers' }).waitFor();
});
