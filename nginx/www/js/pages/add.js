// Two ways to add an agent: a one-time password for a host to enrol with (it makes its own key and certificate), or a
// registration by name that yields an API key.
import { html } from '/vendor/preact.js';
import { may } from '../api.js';
import { AddByKey } from '../components/add-key.js';
import { AddByPassword } from '../components/add-otp.js';
import { Empty } from '../components/notice.js';
import { PageHead } from '../components/title.js';
import { useQuery } from '../router.js';

const TABS = [['otp', 'One-time password'], ['key', 'API key']];

export function AddPage({ title }) {
  const [query, change] = useQuery();
  const chosen = query.tab === 'key' ? 'key' : 'otp';
  if (!may('operator')) {
    return html`<${PageHead} title=${title} />
      <section class="panel">
        <${Empty} title="Your role does not add agents.">Ask an operator or an administrator.</${Empty}>
      </section>`;
  }
  const choose = (tab) => change({ tab: tab === 'otp' ? '' : tab }, { replace: true });
  // Arrow keys move between tabs, Tab leaves them: the pattern people with screen readers know.
  const onKeyDown = (event) => {
    if (!['ArrowLeft', 'ArrowRight'].includes(event.key)) return;
    event.preventDefault();
    const other = chosen === 'otp' ? 'key' : 'otp';
    choose(other);
    document.getElementById(`tab-${other}`).focus();
  };
  return html`<${PageHead} title=${title} />
    <div class="tabs" role="tablist" aria-label="Ways to add an agent" onKeyDown=${onKeyDown}>
      ${TABS.map(([tab, label]) => html`<button type="button" role="tab" class="bare" id=${`tab-${tab}`} key=${tab}
        aria-selected=${String(tab === chosen)} aria-controls="tab-panel" tabindex=${tab === chosen ? 0 : -1}
        onClick=${() => choose(tab)}>${label}</button>`)}
    </div>
    <div role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${chosen}`}>
      ${chosen === 'otp' ? html`<${AddByPassword} />` : html`<${AddByKey} />`}
    </div>`;
}
