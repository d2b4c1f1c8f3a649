// The states of releases, of rollouts, of their members, and of what an agent says about its updates.
import { html } from '/vendor/preact.js';
import { Badge } from './badge.js';

export const RELEASE_STATES = {
  staged: { label: 'Staged', icon: 'clock', tone: 'busy', hint: 'made, but not signed and published yet' },
  published: { label: 'Published', icon: 'check', tone: 'good', hint: 'agents may be given it' },
  withdrawn: { label: 'Withdrawn', icon: 'undo', tone: 'bad', hint: 'nobody gets it any more; who has it may go back' },
};

export const ROLLOUT_STATES = {
  running: { label: 'Running', icon: 'play', tone: 'busy' },
  paused: { label: 'Paused', icon: 'pause', tone: 'warn', hint: 'nothing more is offered until it is resumed' },
  rolling_back: { label: 'Rolling back', icon: 'undo', tone: 'warn', hint: 'the previous version is being put back' },
  done: { label: 'Done', icon: 'check', tone: 'good' },
  rolled_back: { label: 'Rolled back', icon: 'undo', tone: 'calm', hint: 'the previous version is back' },
  aborted: { label: 'Aborted', icon: 'cross', tone: 'calm', hint: 'ended before all had it' },
};

const UNDER_WAY = {
  offered: { label: 'Offered', icon: 'clock', tone: 'busy', hint: 'told of it, has not answered yet' },
  waiting: { label: 'Waiting', icon: 'clock', tone: 'busy', hint: 'has the offer, waits for its turn or its window' },
  downloading: { label: 'Downloading', icon: 'download', tone: 'busy' },
  verifying: { label: 'Verifying', icon: 'shield', tone: 'busy', hint: 'checks signature, size and hash; it tests itself' },
  trial: { label: 'On trial', icon: 'clock', tone: 'busy', hint: 'runs it; the old one is back at once if it fails' },
};

const ENDED = {
  committed: { label: 'Updated', icon: 'check', tone: 'good', hint: 'runs it, and it passed its trial' },
  restored: { label: 'Restored', icon: 'undo', tone: 'bad', hint: 'it failed its trial; the old version is back' },
  failed: { label: 'Failed', icon: 'cross', tone: 'bad', hint: 'it could not be put in place; the old version runs' },
  skipped: { label: 'Skipped', icon: 'skip', tone: 'calm', hint: 'the agent does not want it; the reason says why' },
  available: { label: 'Container', icon: 'box', tone: 'calm', hint: 'a container is updated by its image, not in place' },
};

export const MEMBER_STATES = {
  pending: { label: 'To come', icon: 'ring', tone: 'calm', hint: 'its turn comes with a later stage' },
  ...UNDER_WAY,
  ...ENDED,
  silent: { label: 'Silent', icon: 'warning', tone: 'bad', hint: 'not heard of since; the deadline has passed' },
  unhealthy: { label: 'Unhealthy', icon: 'warning', tone: 'bad', hint: 'updated, and reports too many errors since' },
  current: { label: 'Has it', icon: 'check', tone: 'calm', hint: 'ran this version already' },
  cancelled: { label: 'Cancelled', icon: 'pause', tone: 'calm', hint: 'had not begun when the rollout ended' },
};

export const UPDATE_STATES = {
  idle: { label: 'Nothing to do', icon: 'check', tone: 'calm' },
  ...UNDER_WAY,
  ...ENDED,
  available: { label: 'Newer image available', icon: 'box', tone: 'busy', hint: 'a container is updated by its image' },
};

export const ReleaseState = ({ value }) => html`<${Badge} states=${RELEASE_STATES} value=${value} />`;
export const RolloutState = ({ value }) => html`<${Badge} states=${ROLLOUT_STATES} value=${value} />`;

// percent: of the download, which is the one state that takes long enough to watch.
const withPercent = (states) => ({ value, percent }) => html`<span class="pair">
  <${Badge} states=${states} value=${value} />
  ${value === 'downloading' && Number.isFinite(percent) && html`<span class="download">
    <progress value=${percent} max="100" aria-label="Download"></progress>${percent} %
  </span>`}
</span>`;

export const MemberState = withPercent(MEMBER_STATES);
export const UpdateState = withPercent(UPDATE_STATES);
