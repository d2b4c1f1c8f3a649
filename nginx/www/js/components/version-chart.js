// Who runs what, as a bar a version. Plain HTML and SVG and not the chart library: a handful of amounts needs no canvas
// and no axes, can be read out, and each bar can be a link to the agents it counts.
import { html } from '/vendor/preact.js';
import { compareVersions, formatCount } from '../format.js';
import { withQuery } from '../router.js';

// versions: [{version, count}] of the fleet; releases: what is known of some of them; current: the one to stand out.
export function VersionChart({ versions, releases = [], current }) {
  const known = new Map(releases.map((release) => [release.version, release]));
  const rows = [...versions].sort((a, b) => compareVersions(b.version, a.version));
  const total = rows.reduce((sum, row) => sum + row.count, 0);
  const bar = ({ version, count }) => {
    const share = (count / total) * 100;
    const withdrawn = known.get(version)?.status === 'withdrawn';
    const tone = withdrawn ? 'bad' : version === current ? 'good' : 'busy';
    return html`<li key=${version}>
      <a href=${withQuery('/agents', { version })} class=${`bar-row ${version === current ? 'current' : ''}`}>
        <span class="bar-label">${version || 'not reported'}${withdrawn && html`<small>withdrawn</small>`}</span>
        <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
          <rect class="part-ground" width="100" height="10" /><rect class=${`part-${tone}`} width=${share} height="10" />
        </svg>
        <span class="bar-count">${formatCount(count)} <span class="sr">${count === 1 ? 'agent' : 'agents'}</span>
          <small class="muted">${share < 1 ? '<1' : Math.round(share)} %</small></span>
      </a>
    </li>`;
  };
  return html`<ul class="bars">${rows.map(bar)}</ul>`;
}
