// Registers an agent by name and shows its API key, this once: the server keeps only a hash of it.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { CopyBlock } from './copy.js';
import { ActError, useAct } from './dialog.js';
import { Field, fieldErrors } from './field.js';
import { Icon } from './icon.js';

const PLATFORMS = ['linux'];
const CONF_DIR = '/etc/muster';

export function AddByKey() {
  const [reply, setReply] = useState(null);
  return reply ? html`<${Registered} reply=${reply} onAgain=${() => setReply(null)} />` : html`<${RegisterForm} onRegistered=${setReply} />`;
}

function RegisterForm({ onRegistered }) {
  const [name, setName] = useState('');
  const [platform, setPlatform] = useState(PLATFORMS[0]);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      const reply = await api('/api/agents', { method: 'POST', body: { name: name.trim(), platform } });
      onRegistered(reply);
    });
  };
  return html`<section class="panel"><form onSubmit=${submit} class="narrow-form">
    <p>For hosts whose configuration you write yourself. The agent then works by its key alone, without a certificate; a one-time password is the safer way.</p>
    <div class="field-row">
      <${Field} id="key-name" label="Name" value=${name} onValue=${setName} error=${errors.name} required maxlength="120" placeholder="web-01" autocomplete="off" spellcheck=${false} />
      <${Field} id="key-platform" type="select" label="Platform" value=${platform} onValue=${setPlatform} error=${errors.platform}>
        ${PLATFORMS.map((value) => html`<option value=${value}>${value}</option>`)}
      </${Field}>
    </div>
    <${ActError} error=${Object.keys(errors).length ? null : error} />
    <footer><button type="submit" disabled=${busy} aria-busy=${busy}>Register</button></footer>
  </form></section>`;
}

function Registered({ reply, onAgain }) {
  const { agent, serverUrl, caBundle } = reply;
  const conf = `SERVER_URL="${serverUrl}"\nCA_FILE="${CONF_DIR}/ca.pem"\nAGENT_ID="${agent.id}"\nAPI_KEY="${agent.apiKey}"\n`;
  return html`<section class="panel" aria-labelledby="key-title">
    <header class="panel-head"><h2 id="key-title">${agent.name} is registered</h2></header>
    <p class="notice warn"><${Icon} name="warning" /><span>This key is shown only now. Copy it before you leave this page; a lost key cannot be shown again.</span></p>
    <${CopyBlock} id="api-key" label="API key" text=${agent.apiKey} />
    <${CopyBlock} id="agent-conf" label=${`${CONF_DIR}/agent.conf on the host, readable by root only (0600)`} text=${conf} />
    <${CopyBlock} id="ca-pem" label=${`${CONF_DIR}/ca.pem on the host: the CA that the agent trusts`} text=${caBundle} />
    <footer class="more"><a href=${`/agents/${agent.id}`} role="button" class="small">I have it: show the agent</a>
      <button type="button" class="secondary outline small" onClick=${onAgain}>Register another</button></footer>
  </section>`;
}
