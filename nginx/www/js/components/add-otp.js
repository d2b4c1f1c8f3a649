// Mints a one-time password, shows the one command to paste, and waits for the host that pastes it.
import { html, useEffect, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { now } from '../clock.js';
import { formatCountdown, plural } from '../format.js';
import { usePoll } from '../poll.js';
import { AgentState } from './badge.js';
import { Button } from './button.js';
import { CopyBlock } from './copy.js';
import { ActError, useAct } from './dialog.js';
import { Field, fieldErrors, lines } from './field.js';
import { Icon } from './icon.js';
import { Notice } from './notice.js';
import { Otps } from './otps.js';
import { Panel } from './panel.js';

const START = 'systemctl enable --now muster-agent';
const WATCH_MS = 2000;
const NEWEST = '/api/agents?sort=created&order=desc&limit=20';
const EMPTY_FORM = { expectedHost: '', network: '', minutes: '15', uses: '1', roots: '' };

export function AddByPassword() {
  const [minted, setMinted] = useState(null);
  return html`
    ${minted
      ? html`<${Minted} minted=${minted} onAgain=${() => setMinted(null)} />`
      : html`<${MintForm} onMinted=${setMinted} />`}
    <${Otps} key=${minted?.id} />`;
}

// A word of a shell command: quoted unless it is plain.
const shellWord = (word) => (/^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

// What the host may back up is the host's to say, so it stands in the command that is run there, not on the server.
function withRoots(command, roots) {
  return [command, ...lines(roots).map((root) => `--backup-root ${shellWord(root)}`)].join(' ');
}

// The agents that are there before are how the page knows a new one.
async function mint(form) {
  const body = { ttlS: Math.round(Number(form.minutes) * 60), uses: Number(form.uses) };
  if (form.expectedHost.trim()) body.expectedHost = form.expectedHost.trim();
  if (form.network.trim()) body.network = form.network.trim();
  const before = await api(NEWEST);
  const reply = await api('/api/otps', { method: 'POST', body });
  const known = new Set(before.items.map((agent) => agent.id));
  return { ...reply, command: withRoots(reply.command, form.roots), uses: body.uses, known };
}

function MintForm({ onMinted }) {
  const [form, setForm] = useState(EMPTY_FORM);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const field = (name, rest) => html`<${Field} id=${`otp-${name}`} value=${form[name]} autocomplete="off"
    onValue=${(value) => setForm((old) => ({ ...old, [name]: value }))} spellcheck=${false} ...${rest} />`;
  const submit = (event) => {
    event.preventDefault();
    act(async () => onMinted(await mint(form)));
  };
  return html`<section class="panel"><form onSubmit=${submit} class="narrow-form">
    <p>The host makes its own key and gets its own certificate; the password is worth nothing once it is used. Leave the
      first two empty unless you want to bind it.</p>
    <div class="field-row">
      ${field('expectedHost', {
        label: 'Host name it must have', optional: true, placeholder: 'web-01', error: errors.expectedHost,
      })}
      ${field('network', {
        label: 'Network it must come from', optional: true, placeholder: '10.0.0.0/8', error: errors.network,
      })}
    </div>
    <div class="field-row">
      ${field('minutes', {
        label: 'Minutes it is valid', type: 'number', min: 1, max: 1440, required: true, error: errors.ttlS,
      })}
      ${field('uses', {
        label: 'Hosts that may use it', type: 'number', min: 1, max: 1000, required: true, error: errors.uses,
      })}
    </div>
    ${field('roots', {
      label: 'Directories it may back up, one a line', optional: true, type: 'textarea', rows: 2, placeholder: '/home',
      hint: 'Becomes part of the command. Nothing outside can be backed up, whoever asks; agent.conf changes it later.',
    })}
    <${ActError} error=${Object.keys(errors).length ? null : error} />
    <footer><button type="submit" disabled=${busy} aria-busy=${busy}>Make the command</button></footer>
  </form></section>`;
}

function Minted({ minted, onAgain }) {
  const leftMs = useCountdown(Date.parse(minted.expiresAt));
  return html`<${Panel} id="minted" title="Run this on the host, as root" aside=${html`<${Countdown} leftMs=${leftMs} />`}>
    <${CopyBlock} id="enrol-command" label="Command" text=${minted.command} />
    <${CopyBlock} id="start-command" label="Then have the host's init run it" text=${START} />
    <${CopyBlock} id="ca-fingerprint" label="Fingerprint of this server's CA, which the command pins"
      text=${minted.caFingerprint} />
    ${minted.tufFingerprint && html`<${CopyBlock} id="tuf-fingerprint" text=${minted.tufFingerprint}
      label="Fingerprint of the root of its releases, which the command pins too" />`}
    <${Arrivals} minted=${minted} over=${leftMs <= 0} />
    <footer class="more"><${Button} look="quiet" onClick=${onAgain}>Make another</${Button}></footer>
  </${Panel}>`;
}

function Countdown({ leftMs }) {
  const text = leftMs > 0 ? html`valid for <span role="timer">${formatCountdown(leftMs)}</span>` : 'expired';
  return html`<span class=${`countdown ${leftMs < 60000 ? 'text-bad' : 'muted'}`}><${Icon} name="clock" />${text}</span>`;
}

function Arrivals({ minted: { id, known, uses }, over }) {
  const { data } = usePoll(async (signal) => {
    const { items } = await api(NEWEST, { signal });
    return items.filter((agent) => !known.has(agent.id));
  }, [id], WATCH_MS);
  const arrived = data ?? [];
  const waiting = arrived.length < uses && html`<div class="notice calm">
    <span class="spinner"></span>
    <p>Waiting for ${whom(uses, arrived.length)} to enrol. This page shows it when it does; you may also leave.</p>
  </div>`;
  const late = html`<${Notice} tone="warn" icon="warning" text="The password has expired. Make another." />`;
  return html`<div class="arrivals" role="status">
    ${arrived.map((agent) => html`<${Arrived} key=${agent.id} agent=${agent} />`)}
    ${waiting && over ? late : waiting}
  </div>`;
}

function Arrived({ agent }) {
  const link = html`<a class="strong" href=${`/agents/${agent.id}`}>${agent.name}</a>`;
  const text = html`${link} has enrolled from ${agent.address || agent.hostname || 'its host'}.`;
  return html`<${Notice} tone="good" icon="check" text=${text}><${AgentState} value=${agent.status} /></${Notice}>`;
}

function whom(uses, arrived) {
  if (arrived) return plural(uses - arrived, 'more host');
  return uses > 1 ? `up to ${uses} hosts` : 'the host';
}

function useCountdown(untilMs) {
  const [left, setLeft] = useState(untilMs - now());
  useEffect(() => {
    const tick = () => setLeft(untilMs - now());
    const timer = setInterval(tick, 1000);
    tick();
    return () => clearInterval(timer);
  }, [untilMs]);
  return left;
}
