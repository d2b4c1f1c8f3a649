// What the acts that ask for a step-up are called in plain words: "Delete the agent web-1". The server names the act by
// its route and the target by what stands for {…} in it; both come from the server, so that the dialog says what will be
// done and not what a page thinks it asked for.
import { api } from './api.js';

const one = (target) => encodeURIComponent(target);
const nameAt = (path, name) => async (target, signal) => name(await api(path(target), { signal }));

const agent = nameAt((id) => `/api/agents/${one(id)}`, (reply) => reply.agent.name);
const config = nameAt((id) => `/api/configs/${one(id)}`, (reply) => reply.name);
const rollout = nameAt((id) => `/api/rollouts/${one(id)}`, (reply) => reply.version);
const user = nameAt((id) => `/api/users/${one(id)}`, (reply) => reply.user.email);
const run = nameAt((id) => `/api/runs/${one(id)}`, ({ run: { configName, filename } }) => filename || configName);
const itself = async (target) => target;

// Words, and how its target is called by people; no second: it has no target.
const ACTS = {
  'POST /api/agents': ['Register an agent and show its key'],
  'POST /api/agent/register': ['Register an agent and show its key'],
  'POST /api/agents/{id}/approve': ['Approve the agent', agent],
  'DELETE /api/agents/{id}': ['Delete the agent', agent],
  'POST /api/agents/{id}/update': ['Update the agent', agent],
  'POST /api/agents/{id}/k8s-rollout': ['Roll out the container of the agent', agent],
  'POST /api/agents/bulk/update': ['Update several agents at once'],
  'POST /api/otps': ['Make a one-time password for new agents'],
  'POST /api/rollouts': ['Start a rollout'],
  'POST /api/rollouts/{id}/rollback': ['Roll back the version', rollout],
  'POST /api/rollouts/{id}/advance': ['Go on to the next stage with the version', rollout],
  'DELETE /api/configs/{id}': ['Delete the backup', config],
  'POST /api/runs/{id}/restore': ['Restore the backup', run],
  'DELETE /api/chains/{id}': ['Delete the stored backups of the chain', itself],
  'POST /api/auth/password': ['Change your password'],
  'POST /api/auth/mfa/setup': ['Set up an authenticator app for your account'],
  'POST /api/auth/mfa/backup-codes': ['Make new backup codes for your account'],
  'POST /api/auth/passkeys/options': ['Add a passkey to your account'],
  'DELETE /api/auth/passkeys/{id}': ['Remove a passkey from your account'],
  'POST /api/auth/tokens': ['Make an access token'],
  'POST /api/invitations': ['Invite a person'],
  'PATCH /api/users/{id}': ['Change the account of', user],
  'DELETE /api/users/{id}': ['Delete the account of', user],
  'POST /api/users/{id}/password-link': ['Make a link that sets the password of', user],
  'POST /api/users/{id}/restore': ['Bring back the account of', user],
  'POST /api/users/{id}/reset-mfa': ['Remove all second factors of', user],
  'PUT /api/users/{id}/grants': ['Change what is shown to', user],
  'PATCH /api/policy': ['Change the settings of this server'],
};

// {words, name}: name is '' without a target, and its id when the server cannot say how it is called.
export async function describeAct({ action, target }, signal) {
  const [words, find] = ACTS[action] ?? [action, itself];
  if (!target || !find) return { words, name: '' };
  try {
    return { words, name: (await find(target, signal)) || target };
  } catch {
    return { words, name: target };
  }
}
