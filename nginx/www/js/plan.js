// How a rollout goes on: what the form holds (texts, minutes), what the API takes (numbers, seconds), and the way
// between them. Errors are keyed by the API's own pointers, so that the server's and ours meet at the same field.
const STAGES = [{ count: 5 }, { percent: 10 }, { percent: 50 }, { percent: 100 }];
const DEFAULTS = {
  stages: STAGES, windows: [], silenceS: 900,
  pace: { maxInFlight: 50, maxPerMinute: 0 },
  thresholds: { failedPercent: 10, failedCount: null, errorFactor: 5 },
};

const MIDNIGHT = '24:00';

const text = (value) => (value === null || value === undefined ? '' : String(value));

const stageFields = ({ count, percent, soakS = 600, advance = 'auto', k8s = 'manual' }) => ({
  amount: text(count ?? percent), unit: count ? 'count' : 'percent', soak: text(soakS / 60), advance, k8s,
});

// rollout: one whose plan is to be changed; without, the usual plan.
export function planFields(rollout = DEFAULTS) {
  const { stages, pace, windows, thresholds, silenceS } = rollout;
  return {
    stages: stages.map(stageFields),
    windows: windows.map(({ days = [], from, to }) => ({ days, from, to: to === MIDNIGHT ? '00:00' : to })),
    maxInFlight: text(pace.maxInFlight),
    maxPerMinute: text(pace.maxPerMinute || null),
    failedPercent: text(thresholds.failedPercent),
    failedCount: text(thresholds.failedCount),
    errorFactor: text(thresholds.errorFactor),
    silence: text(silenceS / 60),
  };
}

// A stage more: the next step up to everybody.
export function nextStage(stages) {
  const last = stages.at(-1);
  const percent = last?.unit === 'percent' ? Math.min(100, Number(last.amount) * 2 || 100) : 10;
  return { ...stageFields({ percent }), advance: last?.advance ?? 'auto', k8s: last?.k8s ?? 'manual' };
}

const orNull = (value) => (value.trim() === '' ? null : Number(value));
const seconds = (minutes) => Math.round(Number(minutes) * 60);

// A browser's field for a time knows no 24:00, which is where a window of a whole evening ends.
function windowBody({ days, from, to }) {
  const times = { from, to: to === '00:00' ? MIDNIGHT : to };
  return days.length ? { days, ...times } : times;
}

export function planBody(plan) {
  return {
    stages: plan.stages.map(({ amount, unit, soak, advance, k8s }) => ({
      [unit]: Number(amount), soakS: seconds(soak), advance, k8s,
    })),
    pace: { maxInFlight: Number(plan.maxInFlight), maxPerMinute: orNull(plan.maxPerMinute) ?? 0 },
    windows: plan.windows.map(windowBody),
    thresholds: {
      failedPercent: orNull(plan.failedPercent), failedCount: orNull(plan.failedCount),
      errorFactor: orNull(plan.errorFactor),
    },
    silenceS: seconds(plan.silence),
  };
}

const whole = (value, least, most) => Number.isInteger(Number(value)) && value.trim() !== ''
  && Number(value) >= least && Number(value) <= most;

// least: the last amount of that unit before it.
function stageErrors(stage, least, at) {
  const errors = {};
  const most = stage.unit === 'percent' ? 100 : 1000000;
  if (!whole(stage.amount, 1, most)) {
    errors[`${at}/amount`] = stage.unit === 'percent' ? 'From 1 to 100.' : 'A number of agents, 1 or more.';
  } else if (Number(stage.amount) < least) {
    errors[`${at}/amount`] = `Not less than ${least}, as before it.`;
  }
  const soak = Number(stage.soak);
  if (stage.soak.trim() === '' || !(soak >= 0 && soak <= 43200)) errors[`${at}/soakS`] = 'Minutes, 30 days at most.';
  return errors;
}

const LIMITS = [
  ['pace/maxInFlight', 'maxInFlight', 1, 100000, false],
  ['pace/maxPerMinute', 'maxPerMinute', 1, 1000000, true],
  ['thresholds/failedPercent', 'failedPercent', 0, 100, true],
  ['thresholds/failedCount', 'failedCount', 0, 1000000, true],
  ['thresholds/errorFactor', 'errorFactor', 2, 1000, true],
];

// What is wrong, said before the server has to: {pointer: sentence}.
export function checkPlan(plan) {
  const errors = {};
  const least = { count: 0, percent: 0 };
  plan.stages.forEach((stage, n) => {
    Object.assign(errors, stageErrors(stage, least[stage.unit], `stages/${n}`));
    if (!errors[`stages/${n}/amount`]) least[stage.unit] = Number(stage.amount);
  });
  for (const [pointer, name, least, most, optional] of LIMITS) {
    if (optional && plan[name].trim() === '') continue;
    if (!whole(plan[name], least, most)) errors[pointer] = `A whole number from ${least} to ${most}.`;
  }
  if (!(seconds(plan.silence) >= 10 && seconds(plan.silence) <= 604800)) errors.silenceS = 'Minutes, a week at most.';
  plan.windows.forEach((window, n) => {
    if (!window.from) errors[`windows/${n}/from`] = 'When it opens.';
    if (!window.to) errors[`windows/${n}/to`] = 'When it closes.';
    else if (window.from === window.to && window.to !== '00:00') errors[`windows/${n}/to`] = 'It closes when it opens.';
  });
  return errors;
}

// The server speaks of /stages/1/percent or of all of /stages/1; the form has one field for either.
export function planErrors(errors) {
  const amount = /^(stages\/\d+)(\/(count|percent))?$/;
  return Object.fromEntries(Object.entries(errors).map(([pointer, message]) => [
    pointer.replace(amount, '$1/amount'), message,
  ]));
}
