// A few line icons, drawn here so that no font or sprite is fetched. They repeat what the text beside them says, so
// assistive technology skips them.
import { html } from '/vendor/preact.js';

const PATHS = {
  check: 'M3.5 8.5l3 3 6-7',
  cross: 'M4 4l8 8M12 4l-8 8',
  dot: 'M8 5.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5z',
  ring: 'M8 4a4 4 0 100 8 4 4 0 000-8z',
  warning: 'M8 2.5l6 11H2zM8 6.5v3.2M8 11.6v.3',
  pause: 'M5.5 4v8M10.5 4v8',
  key: 'M5.2 5a3 3 0 100 6 3 3 0 000-6zM8.2 8h5.8v2.6M11.4 8v2',
  shield: 'M8 2l5 2v4c0 3-2.2 5-5 6-2.8-1-5-3-5-6V4zM8 5.5v3M8 10.6v.2',
  clock: 'M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM8 5v3.3l2.2 1.4',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  plus: 'M8 3v10M3 8h10',
  play: 'M5 3.5v9l7-4.5z',
  back: 'M9.5 3.5L5 8l4.5 4.5',
  next: 'M6.5 3.5L11 8l-4.5 4.5',
  search: 'M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9zM10.3 10.3L14 14',
  bell: 'M4 11.5V7a4 4 0 018 0v4.5M2.5 11.5h11M7 13.8h2',
  server: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.1M5 11h.1',
  archive: 'M2.5 3h11v3h-11zM3.5 6v7h9V6M6.5 8.8h3',
  download: 'M8 2.5v7M4.8 6.6L8 9.8l3.2-3.2M3 13h10',
  undo: 'M3 6.5h6.3a3.2 3.2 0 010 6.4H6M6 3.5l-3 3 3 3',
  skip: 'M4 3.8v8.4L9.5 8zM12 4v8',
  box: 'M8 2l5.5 3v6L8 14l-5.5-3V5zM2.7 5.2L8 8l5.3-2.8M8 8v5.8',
  tag: 'M2.5 7.5v-5h5l6 6-5 5zM5.2 5.2h.1',
  rows: 'M2.5 4h11M2.5 8h7M2.5 12h4',
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}
