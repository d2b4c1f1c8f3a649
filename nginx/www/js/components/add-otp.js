// Mints a one-time password, shows the one command to paste, and waits for the host that pastes it.
import { html, useEffect, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { now } from '../clock.js';
import { formatCountdown, plural } from '../format.js';
import { usePoll } from '../poll.js';
import { AgentState } from './badge.js';
import { CopyBlock } from './copy.js';
import { ActError, useAct } from './dialog.js';
import { Field, fieldErrors, lines } from './field.js';
import { Icon } from './icon.js';
import { Otps } from './otps.js';

const START = 'systemctl enable --now muster-agent';
const WATCH_MS = 2000;
const NEWEST = 20;

// A word of a shell command: quoted unless it is plain.
const shellWord = (word) => (/^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

// What the host may back up is the host's to say, so it stands in the command that is run there, not on the server.
const withRoots = (command, roots) => [command, ...lines(roots).map((root) => `--backup-root ${shellWord(root)}`)].join(' ');

export function AddByPassword() {
  const [minted, setMinted] = useState(null);
  return html`${minted ? html`<${Minted} minted=${minted} onAgain=${() => setMinted(null)} />` : html`<${MintForm} onMinted=${setMinted} />`}
    <${Otps} key=${minted?.id} />`;
}

function MintForm({ onMinted }) {
  const [form, setForm] = useState({ expectedHost: '', network: '', minutes: '15', uses: '1', roots: '' });
  const [act, { busy, error }] = useAct();
  const set = (field) => (value) => setForm((old) => ({ ...old, [field]: value }));
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      const body = { ttlS: Math.round(Number(form.minutes) * 60), uses: Number(form.uses) };
      if (form.expectedHost.trim()) body.expectedHost = form.expectedHost.trim();
      if (form.network.trim()) body.network = form.network.trim();
      const before = await api(`/api/agents?sort=created&order=desc&limit=${NEWEST}`);
      const reply = await api('/api/otps', { method: 'POST', body });
      onMinted({ ...reply, command: withRoots(reply.command, form.roots), uses: body.uses, known: new Set(before.items.map((agent) => agent.id)) });
    });
  };
  return html`<section class="panel"><form onSubmit=${submit} class="narrow-form">
    <p>The host makes its own key and gets its own certificate; the password is worth nothing once it is used. Leave the first two empty unless you want to bind it.</p>
    <div class="field-row">
      <${Field} id="otp-host" label="Host name it must have" optional value=${form.expectedHost} onValue=${set('expectedHost')} error=${errors.expectedHost} placeholder="web-01" autocomplete="off" spellcheck=${false} />
      <${Field} id="otp-network" label="Network it must come from" optional value=${form.network} onValue=${set('network')} error=${errors.network} placeholder="10.0.0.0/8" autocomplete="off" spellcheck=${false} />
    </div>
    <div class="field-row">
      <${Field} id="otp-minutes" type="number" label="Minutes it is valid" min="1" max="1440" required value=${form.minutes} onValue=${set('minutes')} error=${errors.ttlS} />
      <${Field} id="otp-uses" type="number" label="Hosts that may use it" min="1" max="1000" required value=${form.uses} onValue=${set('uses')} error=${errors.uses} />
    </div>
    <${Field} id="otp-roots" type="textarea" rows="2" label="Directories it may back up, one a line" optional value=${form.roots} onValue=${set('roots')} placeholder="/home" spellcheck=${false}
      hint="Becomes part of the command. Nothing outside can be backed up, whoever asks; agent.conf on the host can change it later." />
    <${ActError} error=${Object.keys(errors).length ? null : error} />
    <footer><button type="submit" disabled=${busy} aria-busy=${busy}>Make the command</button></footer>
  </form></section>`;
}

function Minted({ minted, onAgain }) {
  const expiresMs = Date.parse(minted.expiresAt);
  const leftMs = useCountdown(expiresMs);
  const { data } = usePoll(async (signal) => {
    const list = await api(`/api/agents?sort=created&order=desc&limit=${NEWEST}`, { signal });
    return list.items.filter((agent) => !minted.known.has(agent.id));
  }, [minted.id], WATCH_MS);
  const arrived = data ?? [];
  const over = leftMs <= 0 && arrived.length < minted.uses;
  return html`<section class="panel" aria-labelledby="minted-title">
    <header class="panel-head"><h2 id="minted-title">Run this on the host, as root</h2>
      <span class=${`countdown ${leftMs < 60000 ? 'text-bad' : 'muted'}`}><${Icon} name="clock" />${leftMs > 0 ? html`valid for <span role="timer">${formatCountdown(leftMs)}</span>` : 'expired'}</span></header>
    <${CopyBlock} id="enrol-command" label="Command" text=${minted.command} />
    <${CopyBlock} id="start-command" label="Then have the host's init run it" text=${START} />
    <${CopyBlock} id="ca-fingerprint" label="Fingerprint of this server's CA, which the command pins" text=${minted.caFingerprint} />
    <div class="arrivals" role="status">
      ${arrived.map((agent) => html`<p class="notice good" key=${agent.id}><${Icon} name="check" /><span><a class="strong" href=${`/agents/${agent.id}`}>${agent.name}</a> has enrolled from ${agent.address || agent.hostname || 'its host'}.</span><${AgentState} value=${agent.status} /></p>`)}
      ${over ? html`<p class="notice warn"><${Icon} name="warning" /><span>The password has expired. Make another.</span></p>`
        : arrived.length < minted.uses && html`<p class="notice calm"><span class="spinner"></span><span>Waiting for ${arrived.length ? plural(minted.uses - arrived.length, 'more host') : minted.uses > 1 ? `up to ${minted.uses} hosts` : 'the host'} to enrol. This page shows it when it does; you may also leave.</span></p>`}
    </div>
    <footer class="more"><button type="button" class="secondary outline small" onClick=${onAgain}>Make another</button></footer>
  </section>`;
}

function useCountdown(untilMs) {
  const [left, setLeft] = useState(untilMs - now());
  useEffect(() => {
    setLeft(untilMs - now());
    const timer = setInterval(() => setLeft(untilMs - now()), 1000);
    return () => clearInterval(timer);
  }, [untilMs]);
  return left;
}
