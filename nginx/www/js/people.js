// What accounts, sign-ins and tokens are called, without any page around it.

export const ROLES = {
  viewer: { label: 'Viewer', hint: 'looks at what is theirs or was granted to them, and changes nothing but their own account' },
  operator: { label: 'Operator', hint: 'adds agents, backups and rollouts, and looks after those' },
  admin: { label: 'Administrator', hint: 'sees and does everything, and looks after people and settings' },
};

export const METHODS = {
  password: 'password', totp: 'password and app', 'backup-code': 'password and backup code', passkey: 'passkey',
  device: 'password, in a trusted browser', token: 'program',
};

// What a personal access token may be given; the server gives no more than its owner's role has.
export const SCOPES = [
  { name: 'read', role: 'viewer', label: 'Look', hint: 'See what you see: agents, backups, releases, alerts.' },
  {
    name: 'fleet', role: 'operator', label: 'Look after agents',
    hint: 'Rename, label, activate and delete agents, acknowledge alerts.',
  },
  {
    name: 'enrol', role: 'operator', label: 'Add agents',
    hint: 'Make one-time passwords and keys that hosts join with. Ansible needs this one.',
  },
  {
    name: 'backup', role: 'operator', label: 'Back up',
    hint: 'Add, change, run and delete backups, and what they keep.',
  },
  { name: 'restore', role: 'operator', label: 'Restore', hint: 'Have hosts write files back from their backups.' },
  { name: 'rollout', role: 'operator', label: 'Update', hint: 'Start rollouts, change them, and roll back.' },
];

export const scopeLabel = (name) => SCOPES.find((scope) => scope.name === name)?.label ?? name;

const BROWSERS = [
  ['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['FxiOS/', 'Firefox'], ['CriOS/', 'Chrome'],
  ['Chrome/', 'Chrome'], ['Safari/', 'Safari'], ['curl/', 'curl'], ['python-requests', 'a Python program'],
  ['ansible', 'Ansible'],
];
const SYSTEMS = [
  ['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'],
  ['CrOS', 'ChromeOS'], ['Linux', 'Linux'],
];

// "Firefox on Linux", of what a browser says about itself: enough to tell one row of a list from another.
export function describeBrowser(userAgent) {
  const word = (words) => words.find(([mark]) => userAgent.includes(mark))?.[1];
  const browser = word(BROWSERS);
  const system = word(SYSTEMS);
  if (!browser) return userAgent.slice(0, 60) || 'An unnamed program';
  return system ? `${browser} on ${system}` : browser;
}

export const PASSWORD_LEAST = 15;

export const PASSWORD_RULES = `${PASSWORD_LEAST} characters at least, and not one of the common ones. ${
  'Four or five random words are good; digits and signs are not asked for.'}`;

// What is wrong with a new password that was typed twice, said before the server has to: {password?, again?}.
export function checkPassword(password, again) {
  const errors = {};
  const length = [...password].length;
  if (length < PASSWORD_LEAST) errors.password = `It has ${length} characters; ${PASSWORD_LEAST} are the least.`;
  else if (password !== again) errors.again = 'It is not what stands in the field above.';
  return errors;
}

// A file of what the page has, without asking the server for it.
export function saveAs(name, text, type = 'text/plain') {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// As states of badge.js.
export const USER_STATES = {
  active: { label: 'Active', icon: 'dot', tone: 'good' },
  disabled: { label: 'Disabled', icon: 'pause', tone: 'calm', hint: 'every sign-in is refused' },
  deleted: { label: 'Deleted', icon: 'cross', tone: 'bad', hint: 'can be brought back until the grace is over' },
};

// "app, 2 passkeys", or ''.
export const describeFactors = ({ totp, passkeys }) => [
  totp && 'app', passkeys > 0 && (passkeys === 1 ? 'passkey' : `${passkeys} passkeys`),
].filter(Boolean).join(', ');
