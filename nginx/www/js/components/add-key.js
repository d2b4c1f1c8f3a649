// Registers an agent by name and shows its API key, this once: the server keeps only a hash of it.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { Button } from './button.js';
import { CopyBlock } from './copy.js';
import { ActError, useAct } from './dialog.js';
import { Field, fieldErrors } from './field.js';
import { Notice } from './notice.js';
import { Panel } from './panel.js';

const PLATFORMS = ['linux'];
const CONF_DIR = '/etc/muster';

export function AddByKey() {
  const [reply, setReply] = useState(null);
  if (reply) return html`<${Registered} reply=${reply} onAgain=${() => setReply(null)} />`;
  return html`<${RegisterForm} onRegistered=${setReply} />`;
}

function RegisterForm({ onRegistered }) {
  const [name, setName] = useState('');
  const [platform, setPlatform] = useState(PLATFORMS[0]);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      onRegistered(await api('/api/agents', { method: 'POST', body: { name: name.trim(), platform } }));
    });
  };
  return html`<section class="panel"><form onSubmit=${submit} class="narrow-form">
    <p>For hosts whose configuration you write yourself. The agent then works by its key alone, without a certificate; a
      one-time password is the safer way.</p>
    <div class="field-row">
      <${Field} id="key-name" label="Name" value=${name} onValue=${setName} error=${errors.name} required maxlength="120"
        placeholder="web-01" autocomplete="off" spellcheck=${false} />
      <${Field} id="key-platform" type="select" label="Platform" value=${platform} onValue=${setPlatform}
        error=${errors.platform}>${PLATFORMS.map((value) => html`<option value=${value}>${value}</option>`)}</${Field}>
    </div>
    <${ActError} error=${Object.keys(errors).length ? null : error} />
    <footer><button type="submit" disabled=${busy} aria-busy=${busy}>Register</button></footer>
  </form></section>`;
}

const ONCE = 'This key is shown only now. Copy it before you leave this page; a lost key cannot be shown again.';

function Registered({ reply: { agent, serverUrl, caBundle }, onAgain }) {
  const conf = {
    SERVER_URL: serverUrl, CA_FILE: `${CONF_DIR}/ca.pem`, AGENT_ID: agent.id, API_KEY: agent.apiKey,
  };
  const lines = Object.entries(conf).map(([key, value]) => `${key}="${value}"\n`).join('');
  return html`<${Panel} id="key" title=${`${agent.name} is registered`}>
    <${Notice} tone="warn" icon="warning" text=${ONCE} />
    <${CopyBlock} id="api-key" label="API key" text=${agent.apiKey} />
    <${CopyBlock} id="agent-conf" text=${lines}
      label=${`${CONF_DIR}/agent.conf on the host, readable by root only (0600)`} />
    <${CopyBlock} id="ca-pem" label=${`${CONF_DIR}/ca.pem on the host: the CA that the agent trusts`} text=${caBundle} />
    <footer class="more">
      <a href=${`/agents/${agent.id}`} role="button" class="small">I have it: show the agent</a>
      <${Button} look="quiet" onClick=${onAgain}>Register another</${Button}>
    </footer>
  </${Panel}>`;
}
