// Browsers that skip the second factor at sign-in.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { usePoll } from '../poll.js';
import { Button } from './button.js';
import { Confirm } from './dialog.js';
import { Empty } from './notice.js';
import { Panel, Remote } from './panel.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const PATH = '/api/auth/devices';

// hasFactor: what trusting a browser spares them is there at all.
export function Devices({ days, hasFactor }) {
  const poll = usePoll((signal) => api(PATH, { signal }), [], 0);
  const [open, setOpen] = useState(null);
  const forget = async () => {
    await api(open === 'all' ? PATH : `${PATH}/${open.id}`, { method: 'DELETE' });
    toast(open === 'all' ? 'No browser is trusted any more.' : `${open.name} is trusted no more.`);
    poll.refresh();
  };
  const many = poll.data?.devices.length > 1;
  return html`<${Panel} id="devices" title="Trusted browsers"
    aside=${many && html`<${Button} look="quiet" onClick=${() => setOpen('all')}>Trust none</${Button}>`}>
    <${Remote} poll=${poll} what="the trusted browsers">${({ devices }) => (devices.length
      ? html`<ul class="rows">${devices.map((device) => html`<${Device} key=${device.id} device=${device}
          onForget=${() => setOpen(device)} />`)}</ul>`
      : html`<${Empty} icon="shield" title="No browser is trusted.">
          ${!days ? 'An administrator has switched this off.'
            : hasFactor ? `Tick “Trust this browser” when you sign in, and it is not asked for your second factor for ${days} days.`
              : `With a second factor, a browser that is yours alone need not be asked for it for ${days} days.`}
        </${Empty}>`)}
    </${Remote}>
    ${open && html`<${Confirm} title=${open === 'all' ? 'Trust no browser any more?' : `Stop trusting ${open.name}?`}
      action=${open === 'all' ? 'Trust none' : 'Stop trusting it'} danger onConfirm=${forget} onClose=${() => setOpen(null)}>
      <p>The next sign-in there asks for your second factor again. Who is signed in stays so; the page
        “Sessions” ends that.</p>
    </${Confirm}>`}
  </${Panel}>`;
}

function Device({ device, onForget }) {
  return html`<li>
    <div><p class="strong">${device.name} ${device.current && html`<span class="badge busy">this one</span>`}</p>
      <small class="muted">${device.address} · used <${Time} ms=${device.lastUsed_ms} /> · until
        ${' '}<${Time} ms=${device.expires_ms} as="day" /></small></div>
    <${Button} look="quiet" onClick=${onForget} aria-label=${`Stop trusting ${device.name}`}>Stop trusting</${Button}>
  </li>`;
}
