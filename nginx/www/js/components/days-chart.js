// How the backups of the last days ended: a stack for each day.
import { html } from '/vendor/preact.js';
import { formatCount, plural } from '../format.js';
import { Chart, axis, colour } from './chart.js';

// Behind each other, the tallest first: what is seen of each is its share.
const LAYERS = [
  { name: 'completed', label: 'completed', tone: '--good', of: (day) => day.completed + day.warning + day.failed },
  { name: 'warning', label: 'with warnings', tone: '--warn', of: (day) => day.warning + day.failed },
  { name: 'failed', label: 'failed', tone: '--bad', of: (day) => day.failed },
];

export function DaysChart({ days }) {
  const sum = (name) => days.reduce((total, day) => total + day[name], 0);
  const text = `${plural(days.length, 'day')}: ${LAYERS.map(({ name, label }) => `${formatCount(sum(name))} ${label}`).join(', ')}`;
  const make = (UPlot) => ({
    options: {
      legend: { show: false }, cursor: { show: false },
      axes: [{ ...axis(), space: 60, grid: { show: false } }, { ...axis(), size: 45, space: 30, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000, 100000] }],
      scales: { x: { range: (_, low, high) => [low - 43200, high + 43200] }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
      series: [{}, ...LAYERS.map(({ tone }) => ({
        fill: colour(tone), stroke: colour(tone), width: 0, points: { show: false },
        paths: UPlot.paths.bars({ size: [0.7, 40] }),
      }))],
    },
    data: [days.map((day) => day.day_ms / 1000), ...LAYERS.map(({ of }) => days.map(of))],
  });
  return html`<${Chart} make=${make} text=${text} deps=${[JSON.stringify(days)]} />`;
}
