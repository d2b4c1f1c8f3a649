// One release: what is new in it, its files and patches, who has it, and how it was rolled out.
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { Button } from '../components/button.js';
import { Fact, Facts } from '../components/facts.js';
import { Export, Filters } from '../components/filters.js';
import { Empty, LoadError, Notice } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { RolloutTable } from '../components/rollout-list.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { ROLLOUT_STATES, ReleaseState } from '../components/update-badge.js';
import { formatBytes, formatCount } from '../format.js';
import { useList } from '../list.js';
import { usePoll } from '../poll.js';
import { rolloutsEveryMs } from '../rollout.js';
import { withQuery } from '../router.js';

export function ReleasePage({ id, title }) {
  const url = `/api/releases/${encodeURIComponent(id)}`;
  const poll = usePoll((signal) => api(url, { signal }), [url]);
  const release = poll.data?.release;
  if (!release) {
    return html`<${NotThere} poll=${poll} title=${title} what="release">
      <a href="/releases">Show all releases</a>
    </${NotThere}>`;
  }
  const start = withQuery('/rollouts/new', { version: release.version });
  return html`<div>
    <${Crumbs} href="/releases" label="Releases" here=${release.version} />
    <${PageHead} title=${release.version}>
      <${ReleaseState} value=${release.status} />
      ${may('operator') && release.status === 'published' && html`<div class="actions">
        <a href=${start} role="button" class="small">Start a rollout</a>
      </div>`}
    </${PageHead}>
    <${LoadError} error=${poll.error} stale onRetry=${poll.refresh} />
    <${StateNotice} release=${release} />
    <${ReleaseFacts} release=${release} />
    <${Changelog} text=${release.changelog} />
    <${Files} release=${release} />
    <${Patches} release=${release} />
    <${Rollouts} version=${release.version} />
  </div>`;
}

function StateNotice({ release }) {
  if (release.status === 'withdrawn') {
    const text = html`<strong>Withdrawn</strong> <${Time} ms=${release.withdrawn_ms} />${release.withdrawn_reason
      && html`: ${release.withdrawn_reason}`}. No agent gets it any more; those that run it may go back to an older one.`;
    return html`<${Notice} tone="bad" icon="undo" text=${text} />`;
  }
  const staged = html`<strong>Not published.</strong> Agents cannot see it until <code>muster-app release
    publish</code> has been run with the signing key.`;
  return release.status === 'staged' && html`<${Notice} tone="calm" icon="clock" text=${staged} />`;
}

function ReleaseFacts({ release }) {
  const agents = release.agents > 0
    ? html`<a href=${withQuery('/agents', { version: release.version })}>${formatCount(release.agents)}</a>` : 'none';
  return html`<section class="panel" aria-labelledby="facts-title">
    <h2 id="facts-title" class="sr">Facts</h2>
    <${Facts}>
      <${Fact} label="Channel">${release.channel}</${Fact}>
      <${Fact} label="Made"><${Time} ms=${release.created_ms} /></${Fact}>
      <${Fact} label="Published"><${Time} ms=${release.published_ms} none="not yet" /></${Fact}>
      <${Fact} label="Agents that run it">${agents}</${Fact}>
      <${Fact} label="Least version">${release.min_version
        ? `${release.min_version}; older ones are updated at once` : 'none'}</${Fact}>
      <${Fact} label="Size">${formatBytes(release.size)}</${Fact}>
      <${Fact} label="May be gone back to">${release.downgrade ? 'yes, from a newer one' : 'no'}</${Fact}>
      <${Fact} label="Container image" wide>${release.container_image
        ? html`<code>${release.container_image}</code>` : html`<span class="muted">none was built</span>`}</${Fact}>
    </${Facts}>
  </section>`;
}

function Changelog({ text }) {
  return html`<${Panel} id="changelog" title="What is new">
    ${text?.trim()
      ? html`<div class="changelog" tabindex="0" role="group" aria-labelledby="changelog-title">${text.trim()}</div>`
      : html`<p class="muted">This release came without a changelog.</p>`}
  </${Panel}>`;
}

const arch = { name: 'name', head: 'File', cell: (file) => html`<span class="strong">linux/${file.arch}</span>` };
const hash = { name: 'hash', head: 'SHA-256', cell: (file) => html`<code>${file.sha256}</code>` };

function Files({ release: { files = [] } }) {
  const columns = [arch, { name: 'size', head: 'Size', cell: (file) => formatBytes(file.size) }, hash];
  return html`<${Panel} id="files" title="Files">
    ${files.length
      ? html`<${Table} label="Files" columns=${columns} rows=${files} rowKey=${(file) => file.arch} />`
      : html`<p class="muted">No binaries: this release has a container image alone.</p>`}
  </${Panel}>`;
}

// A patch is worth what it saves beside the whole file.
function Patches({ release: { files = [], patches = [] } }) {
  if (!patches.length) return null;
  const full = new Map(files.map((file) => [file.arch, file.size]));
  const share = (patch) => (full.get(patch.arch) ? `${((patch.size / full.get(patch.arch)) * 100).toFixed(1)} %` : '–');
  const columns = [
    arch,
    { name: 'base', head: 'From', cell: (patch) => patch.base_version },
    { name: 'size', head: 'Size', cell: (patch) => formatBytes(patch.size) },
    { name: 'share', head: 'Of the whole', cell: share },
    hash,
  ];
  const aside = html`<span class="muted">for agents that run one before it</span>`;
  return html`<${Panel} id="patches" title="Patches" aside=${aside}>
    <${Table} label="Patches" columns=${columns} rows=${patches}
      rowKey=${(patch) => `${patch.arch}/${patch.base_version}`} />
  </${Panel}>`;
}

const SHOWN = 20;
const CHOICES = [{
  name: 'state', label: 'State of the rollout', all: 'Any state', options: Object.entries(ROLLOUT_STATES).map(([state, { label }]) => [state, label]),
}];

function Rollouts({ version }) {
  const list = useList('/api/rollouts', {
    prefix: 'r.', filters: ['q', 'state'], sort: 'created', order: 'desc', size: SHOWN, fixed: { version }, everyMs: rolloutsEveryMs,
  });
  const { poll } = list;
  return html`<${Panel} id="rollouts" title="Rollouts of it" aside=${html`<${Export} list=${list} what="the rollouts" />`}>
    ${(list.filtered || poll.data?.total > 5) && html`<${Filters} list=${list} what="the rollouts" search="Search id" choices=${CHOICES} />`}
    <${Remote} poll=${poll} what="the rollouts">${({ items, total }) => html`
      ${items.length
        ? html`<${RolloutTable} label="Rollouts of this release" rollouts=${items} busy=${poll.loading} sorting=${list.sorting} />`
        : html`<${NoRollouts} clear=${list.filtered && list.clear} />`}
      <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="rollouts" />`}
    </${Remote}>
  </${Panel}>`;
}

function NoRollouts({ clear }) {
  if (clear) return html`<${Empty} icon="rows" title="No rollout matches."><${Button} onClick=${clear}>Clear the filters</${Button}></${Empty}>`;
  return html`<${Empty} icon="rows" title="It has not been rolled out.">
    ${may('operator') ? 'Start a rollout, and agents get it stage by stage.' : 'An operator can start a rollout.'}
  </${Empty}>`;
}
