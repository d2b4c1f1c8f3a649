// Releases, and hosts that these tests play: what the pages about updates show. A host takes a step when a test says so,
// and no sooner, so that every moment of an update can be looked at.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PATIENCE, app, call, unique } from './browser.js';

// The architecture that this machine is not: the server does not try to run a program of it, so bytes will do.
const [FOREIGN, MACHINE] = process.arch === 'arm64' ? ['amd64', 62] : ['arm64', 183];
const WAIT_MS = 30000 * PATIENCE;

const conf = await readFile(process.env.MUSTER_CONF, 'utf8');
const agentUrl = /^MUSTER_AGENT_URL="([^"]+)"/m.exec(conf)[1];

// Newer than that of every earlier test, of this run or of another one on the same stack.
let made = 0;
export const nextVersion = () => `1.${Math.floor(Date.now() / 1000) % 1e8}.${++made}`;

function fakeProgram(version) {
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  [3, MACHINE].forEach((value, n) => header.writeUInt16LE(value, 16 + 2 * n));
  header.writeUInt32LE(1, 20);
  header.writeUInt16LE(64, 52);
  return Buffer.concat([header, Buffer.from(`\0${version}\0`), Buffer.alloc(4096)]);
}

// Makes the repository of updates when this stack has none yet.
export async function initKeys() {
  try {
    await app(['release', 'init-keys']);
  } catch (error) {
    assert.match(error.stderr ?? '', /there is an update repository already/);
  }
}

export async function createRelease(version = nextVersion(), options = []) {
  const dir = await mkdtemp(join(tmpdir(), 'muster-web-'));
  try {
    await initKeys();
    await writeFile(join(dir, 'agent'), fakeProgram(version), { mode: 0o755 });
    await app(['release', 'create', version, `--${FOREIGN}`, join(dir, 'agent'), ...options]);
    return version;
  } finally {
    await rm(dir, { recursive: true });
  }
}

export async function publishRelease(version, options) {
  const name = await createRelease(version, options);
  await app(['release', 'publish', name]);
  return name;
}

function ask(method, path, key, body) {
  const text = body ? JSON.stringify(body) : '';
  const headers = { 'X-Agent-API-Key': key, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const request = https.request(agentUrl + path, { method, rejectUnauthorized: false, headers }, (reply) => {
      let got = '';
      reply.on('data', (chunk) => { got += chunk; }).on('error', reject)
        .on('end', () => (reply.statusCode === 200 ? resolve(JSON.parse(got)) : reject(new Error(`${path} answered ${reply.statusCode}: ${got}`))));
    });
    request.on('error', reject).end(text);
  });
}

class Host {
  constructor(agent, fields) {
    Object.assign(this, { id: agent.id, name: agent.name, key: agent.apiKey, fields, report: { state: 'idle' }, seq: 0 });
    this.version = fields.version;
  }

  async beat() {
    const reply = await ask('POST', '/api/agent/heartbeat', this.key, { ...this.fields, version: this.version, update: this.report });
    this.offer = reply.update;
    return reply;
  }

  // Beats until the server offers this version.
  async offered(version) {
    for (const until = Date.now() + WAIT_MS; this.offer?.version !== version;) {
      assert.ok(Date.now() < until, `${this.name} was not offered ${version}`);
      await this.beat();
      if (this.offer?.version !== version) await new Promise((resolve) => setTimeout(resolve, 200));
    }
    this.job = this.offer;
    return this.job;
  }

  // Beats until nothing is offered to it any more.
  async notOffered() {
    for (const until = Date.now() + WAIT_MS; (await this.beat()).update;) {
      assert.ok(Date.now() < until, `${this.name} is still offered something`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  // What it says of the version that it was offered last.
  async say(state, more = {}) {
    this.report = { state, version: this.job?.version, rolloutId: this.job?.rolloutId, current: this.version, ...more };
    return this.beat();
  }

  async commit() {
    await this.say('trial');
    this.version = this.job.version;
    return this.say('committed');
  }

  // What the agent that was put back sends of the one that failed.
  async restore(reason, words) {
    await this.say('trial');
    await this.event('error', 'update', `the last words of ${this.job.version}:\n${words}`, { version: this.job.version });
    return this.say('restored', { reason });
  }

  async commands() {
    return (await ask('GET', '/api/agent/commands', this.key)).commands;
  }

  event(level, kind, message, metadata = {}) {
    const event = { seq: ++this.seq, time_ms: Date.now(), level, kind, message, metadata };
    return ask('POST', '/api/agent/events', this.key, { epoch: '00000000000000aa', events: [event] });
  }
}

export async function addHost(page, name = unique('host'), fields = {}) {
  const { agent } = await call(page, 'POST', '/api/agents', { name, platform: 'linux' });
  const host = new Host(agent, { version: '0.1.0', platform: 'linux', arch: FOREIGN, deploymentMode: 'vm', capabilities: ['update'], ...fields });
  await host.beat();
  return host;
}

export const addHosts = async (page, count, stem = unique('host')) => {
  const hosts = [];
  // No name is the beginning of another: rows are found by what they contain.
  for (let n = 1; n <= count; n++) hosts.push(await addHost(page, `${stem}-${String(n).padStart(3, '0')}`));
  return hosts;
};

// Which of them the server has chosen to be first.
export async function firstOffered(hosts, version) {
  for (const until = Date.now() + WAIT_MS; ;) {
    for (const host of hosts) {
      await host.beat();
      if (host.offer?.version === version) {
        host.job = host.offer;
        return [host, ...hosts.filter((other) => other !== host)];
      }
    }
    assert.ok(Date.now() < until, `none of ${hosts.length} hosts was offered ${version}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

// A rollout to these hosts, begun over the API. Stages are watched for no time unless one says otherwise.
export const begin = (page, version, hosts, stages = [{ percent: 100 }], rest = {}) => call(page, 'POST', '/api/rollouts', {
  version, target: { agents: hosts.map((host) => host.id) }, stages: stages.map((stage) => ({ soakS: 0, ...stage })), ...rest,
});
