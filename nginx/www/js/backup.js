// What a backup config says, as the fields of a form and as words, without any page around it.
import { formatBytes, plural } from './format.js';

export const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const MOST = { zstd: 19, gzip: 9 };
const MIB = 1024 * 1024;

// A new backup begins with what most people should have.
const FRESH = {
  type: 'incremental', compression: true, encryption: false, recipients: [], method: 'zstd', level: 3, excludes: [],
  oneFileSystem: false, maxFileSize: null, skipTags: ['CACHEDIR.TAG'], schedule: { cron: '0 2 * * *', timeZone: ZONE },
  window: null, maxRuntimeMinutes: null, rateLimitKbps: 0, fullEvery: 30, preHook: null, postHook: null,
  alertAfterHours: 48, verifyEveryDays: 7, verifyAgentId: null, retentionDays: 30,
  retention: { keepLast: 7, keepDaily: 0, keepWeekly: 4, keepMonthly: 6, keepYearly: 0 },
};

// What an option means when an older config does not have it.
const ABSENT = {
  ...FRESH, type: 'full', skipTags: [], schedule: null, alertAfterHours: null, verifyEveryDays: 0,
  retention: { keepLast: 0, keepDaily: 0, keepWeekly: 0, keepMonthly: 0, keepYearly: 0 },
};

export const SLOTS = [
  ['keepLast', 'Last', 'backup'], ['keepDaily', 'Daily', 'day'], ['keepWeekly', 'Weekly', 'week'],
  ['keepMonthly', 'Monthly', 'month'], ['keepYearly', 'Yearly', 'year'],
];

const text = (value) => (value === null || value === undefined || value === 0 ? '' : String(value));

// "0 2 * * *" is what people call daily at two; anything else stays the expression that it is.
function scheduleFields(schedule) {
  const fields = { when: 'manual', at: '02:00', day: '0', everyHours: '6', cron: '', timeZone: schedule?.timeZone ?? ZONE };
  if (!schedule) return fields;
  if (schedule.everyHours) return { ...fields, when: 'hours', everyHours: String(schedule.everyHours) };
  const simple = /^(\d{1,2}) (\d{1,2}) \* \* (\*|[0-7])$/.exec(schedule.cron);
  if (!simple) return { ...fields, when: 'cron', cron: schedule.cron };
  const at = `${simple[2].padStart(2, '0')}:${simple[1].padStart(2, '0')}`;
  return simple[3] === '*' ? { ...fields, when: 'daily', at } : { ...fields, when: 'weekly', at, day: String(simple[3] % 7) };
}

function scheduleOf({ when, at, day, everyHours, cron, timeZone }) {
  const [hour, minute] = at.split(':').map(Number);
  switch (when) {
    case 'hours': return { everyHours: Number(everyHours) };
    case 'daily': return { cron: `${minute} ${hour} * * *`, timeZone };
    case 'weekly': return { cron: `${minute} ${hour} * * ${day}`, timeZone };
    case 'cron': return { cron: cron.trim(), timeZone };
    default: return null;
  }
}

// config null: a new one.
export function configFields(config) {
  const o = config ? { ...ABSENT, ...config.options } : FRESH;
  const retention = { ...ABSENT.retention, ...o.retention };
  return {
    name: config?.name ?? '',
    host: config?.executionMode === 'server' ? 'server' : config?.agentId ?? '',
    sources: (config?.sources ?? []).map((source) => source.path).join('\n'),
    excludes: o.excludes.join('\n'), skipTags: o.skipTags.join(' '), oneFileSystem: o.oneFileSystem,
    maxFileMiB: text(o.maxFileSize && Math.round(o.maxFileSize / MIB)),
    ...scheduleFields(o.schedule),
    windowed: Boolean(o.window), from: o.window?.from ?? '22:00', to: o.window?.to ?? '06:00',
    type: o.type, fullEvery: text(o.fullEvery), method: o.compression ? o.method : 'none', level: String(o.level),
    encryption: o.encryption, recipients: o.recipients.join('\n'),
    rateLimitKbps: text(o.rateLimitKbps), maxRuntimeMinutes: text(o.maxRuntimeMinutes),
    preHook: o.preHook ?? '', postHook: o.postHook ?? '',
    alertAfterHours: text(o.alertAfterHours), verifyEveryDays: text(o.verifyEveryDays), verifyAgentId: o.verifyAgentId ?? '',
    retentionDays: text(o.retentionDays), ...Object.fromEntries(SLOTS.map(([key]) => [key, text(retention[key])])),
  };
}

const list = (lines) => lines.split('\n').map((line) => line.trim()).filter(Boolean);
const number = (value) => Number(value) || 0;
const numberOrNull = (value) => Number(value) || null;
const wordOrNull = (value) => value.trim() || null;

export const retentionOf = (f) => ({
  retentionDays: numberOrNull(f.retentionDays),
  retention: Object.fromEntries(SLOTS.map(([key]) => [key, number(f[key])])),
});

// The body of POST and PUT /api/configs.
export function configBody(f) {
  const compression = f.method !== 'none';
  const server = f.host === 'server';
  return {
    name: f.name.trim(),
    ...(server ? { executionMode: 'server' } : { executionMode: 'agent', agentId: f.host || null }),
    sources: list(f.sources).map((path) => ({ path })),
    options: {
      type: f.type, compression, encryption: f.encryption, recipients: f.encryption ? list(f.recipients) : [],
      ...(compression ? { method: f.method, level: Number(f.level) } : {}),
      excludes: list(f.excludes), skipTags: f.skipTags.split(/\s+/).filter(Boolean), oneFileSystem: f.oneFileSystem,
      maxFileSize: f.maxFileMiB ? number(f.maxFileMiB) * MIB : null,
      schedule: scheduleOf(f), window: f.windowed ? { from: f.from, to: f.to, timeZone: f.timeZone } : null,
      fullEvery: number(f.fullEvery), rateLimitKbps: number(f.rateLimitKbps),
      maxRuntimeMinutes: numberOrNull(f.maxRuntimeMinutes), preHook: wordOrNull(f.preHook), postHook: wordOrNull(f.postHook),
      alertAfterHours: numberOrNull(f.alertAfterHours), verifyEveryDays: number(f.verifyEveryDays),
      verifyAgentId: f.verifyAgentId || null, ...retentionOf(f),
    },
  };
}

const WHOLE = [
  'fullEvery', 'maxFileMiB', 'rateLimitKbps', 'maxRuntimeMinutes', 'alertAfterHours', 'verifyEveryDays', 'retentionDays',
  ...SLOTS.map(([key]) => key),
];

// What is wrong, said before the server has to: {field: sentence}.
export function checkConfig(f) {
  const errors = {};
  const paths = list(f.sources);
  const relative = paths.find((path) => !path.startsWith('/'));
  if (!f.name.trim()) errors.name = 'Give it a name.';
  if (!f.host) errors.host = 'Choose the host whose files these are.';
  if (!paths.length) errors.sources = 'Name at least one directory.';
  else if (relative) errors.sources = `“${relative}” is not an absolute path; begin it with a /.`;
  const level = Number(f.level);
  if (f.method !== 'none' && (!Number.isInteger(level) || level < 1 || level > MOST[f.method])) {
    errors.level = `A whole number from 1 to ${MOST[f.method]}.`;
  }
  if (f.when === 'hours' && !(Number.isInteger(Number(f.everyHours)) && f.everyHours >= 1)) {
    errors.everyHours = 'A whole number of hours.';
  }
  if (f.when === 'cron' && !f.cron.trim()) errors.cron = 'Five fields: minute, hour, day, month, weekday.';
  for (const key of WHOLE) if (f[key] !== '' && !/^\d+$/.test(f[key])) errors[key] = 'A whole number, or nothing.';
  return errors;
}

const POINTERS = {
  agentId: 'host', executionMode: 'host', maxFileSize: 'maxFileMiB', 'schedule/cron': 'cron',
  'schedule/timeZone': 'timeZone', 'schedule/everyHours': 'everyHours', 'window/from': 'from', 'window/to': 'to',
};

// "/options/schedule/cron" belongs to the field cron, "/sources/0/path" to sources.
export function fieldOfPointer(pointer, fields) {
  const plain = pointer.replace(/^\//, '').replace(/^options\//, '').replace(/^retention\//, '');
  const name = POINTERS[plain] ?? plain.split('/')[0];
  return name in fields ? name : null;
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

// "daily at 02:00 (Europe/Berlin)"
export function describeSchedule(schedule) {
  if (!schedule) return 'by hand';
  const f = scheduleFields(schedule);
  const zone = f.timeZone === ZONE ? '' : ` (${f.timeZone})`;
  if (f.when === 'hours') return `every ${plural(schedule.everyHours, 'hour')}`;
  if (f.when === 'daily') return `daily at ${f.at}${zone}`;
  return f.when === 'weekly' ? `${WEEKDAYS[f.day]}s at ${f.at}${zone}` : `${f.cron}${zone}`;
}

// "full or incremental, zstd 3, encrypted"
export function describePacking(options) {
  const o = { ...ABSENT, ...options };
  const packing = o.compression ? `${o.method} ${o.level}` : 'not compressed';
  return [o.type === 'incremental' ? 'incremental' : 'always full', packing, o.encryption && 'encrypted']
    .filter(Boolean).join(', ');
}

// "30 days, last 7, 4 weeks"
export function describeKeep(options) {
  const o = { ...ABSENT, ...options };
  const kept = SLOTS.filter(([key]) => o.retention?.[key]).map(([key, , one]) => (key === 'keepLast'
    ? `the last ${o.retention.keepLast}` : plural(o.retention[key], one)));
  if (o.retentionDays) kept.unshift(plural(o.retentionDays, 'day'));
  return kept.length ? kept.join(', ') : 'everything, for ever';
}

export const WEEKDAY_CHOICES = [1, 2, 3, 4, 5, 6, 0].map((day) => [String(day), WEEKDAYS[day]]);

// How a chain reads: "1 full and 6 incremental, 1.2 GiB".
export function describeChain(chain) {
  const more = chain.runs.length - 1;
  return `${more ? `full and ${more} incremental` : 'full'}, ${formatBytes(chain.size)}`;
}
