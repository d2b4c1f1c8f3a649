// An address that leads nowhere.
import { html } from '/vendor/preact.js';
import { Empty } from '../components/notice.js';
import { PageHead } from '../components/title.js';

export function MissingPage() {
  return html`<${PageHead} title="Not found" />
    <section class="panel">
      <${Empty} title="There is nothing at this address.">
        It may have been deleted, or mistyped. <a href="/">Go to the overview</a> or <a href="/agents">find an agent</a>.
      </${Empty}>
    </section>`;
}
