// What the numbers of a rollout mean, in words: its groups of agents, its target, stages and windows.
import { may, session } from './api.js';
import { formatDuration, plural } from './format.js';

// The parts of the progress bar, in its order. tone names a colour of app.css.
const GROUPS = [
  { name: 'updated', label: 'Updated', tone: 'good', states: ['committed'] },
  { name: 'failed', label: 'Failed', tone: 'bad', states: ['restored', 'failed', 'silent', 'unhealthy'] },
  { name: 'moving', label: 'Under way', tone: 'busy', states: ['offered', 'waiting', 'downloading', 'verifying', 'trial'] },
  { name: 'pending', label: 'To come', tone: 'calm', states: ['pending'] },
  { name: 'aside', label: 'Left alone', tone: 'faint', states: ['current', 'skipped', 'available', 'cancelled'] },
];

export const FAILED = GROUPS[1].states;

const isBack = (rollout) => ['rolling_back', 'rolled_back'].includes(rollout.state);

// [{name, label, tone, count}]; those that went back are a part of their own, or the bar would call them updated.
export function progressParts({ members, ...rollout }) {
  const count = (states) => states.reduce((sum, state) => sum + (members[state] ?? 0), 0);
  const parts = GROUPS.map((group) => ({ ...group, count: count(group.states) }));
  if (members.rolledBack || isBack(rollout)) {
    parts[0] = { ...parts[0], label: 'Still has it', count: parts[0].count - members.rolledBack };
    parts.splice(1, 0, { name: 'back', label: 'Rolled back', tone: 'warn', count: members.rolledBack });
  }
  return parts;
}

export const countOf = (rollout, name) => progressParts(rollout).find((part) => part.name === name)?.count ?? 0;

// The server goes on to a next stage by itself only once the release is well somewhere.
export const nowhereWell = ({ members }) => members.committed + members.current + members.available === 0
  && FAILED.some((state) => members[state] > 0);

// How many of those that it is about have come to an end, one way or the other.
export function endedOf(rollout) {
  const open = countOf(rollout, 'pending') + countOf(rollout, 'moving');
  return { ended: rollout.members.total - open, total: rollout.members.total };
}

// Whoever has made it, and admins; others who may see it may look.
export const mayChange = (rollout) => may('admin') || (may('operator') && session.get()?.user?.id === rollout.owner_id);

export const isOver = (rollout) => ['done', 'aborted', 'rolled_back'].includes(rollout.state);

// Done is done for those who were there; who enrols or comes back later is still given it.
export const catchesLate = (rollout) => rollout.state === 'done' && rollout.kind !== 'single'
  && (!rollout.target.agents || rollout.members.pending > 0);

export const rolloutsEveryMs = (data) => (data?.items.some((rollout) => !isOver(rollout)) ? 3000 : 10000);

export function describeTarget({ target, kind }) {
  if (kind === 'minimum') return 'agents below its minimum version';
  if (target.agents) return target.agents.length === 1 ? 'one agent' : plural(target.agents.length, 'chosen agent');
  if (!target.labels) return 'all agents';
  return `agents with ${Object.entries(target.labels).map(([key, value]) => `${key}=${value}`).join(', ')}`;
}

export const describeAmount = (stage) => (stage.count ? `${plural(stage.count, 'agent')}` : `${stage.percent} %`);

export const soakMs = (stage) => (stage.soakS ?? 600) * 1000;

export function describeSoak(stage, isLast) {
  if (isLast) return 'then it is done';
  const soak = soakMs(stage) ? `then ${formatDuration(soakMs(stage))} of watching` : 'then at once the next';
  return stage.advance === 'manual' ? `${soak}, goes on when you say so` : soak;
}

export const DAYS = [
  ['mon', 'Mon'], ['tue', 'Tue'], ['wed', 'Wed'], ['thu', 'Thu'], ['fri', 'Fri'], ['sat', 'Sat'], ['sun', 'Sun'],
];

export function describeWindows(windows) {
  if (!windows.length) return 'at any time';
  const days = (window) => DAYS.filter(([day]) => window.days?.includes(day)).map(([, label]) => label).join(', ');
  return windows.map((window) => `${days(window) || 'every day'} ${window.from}–${window.to} UTC`).join('; ');
}

export function describeThresholds({ failedPercent, failedCount, errorFactor }) {
  const rules = [];
  if (failedPercent !== null) rules.push(`more than ${failedPercent} % of those offered fail`);
  if (failedCount !== null) rules.push(`more than ${plural(failedCount, 'agent')} fail`);
  if (errorFactor !== null) rules.push(`a host's errors grow to ${errorFactor} times the usual, which counts as failed`);
  return rules.length ? rules.join('; or ') : 'never by itself';
}

export const describePace = ({ maxInFlight, maxPerMinute }) => `${maxInFlight} at a time${
  maxPerMinute ? `, ${maxPerMinute} a minute` : ''}`;
