// Starts the pages: asks who is signed in, then shows the page that belongs to the address.
import { html, render, useEffect, useLayoutEffect, useRef, useState } from '/vendor/preact.js';
import { ApiError, lacksFactor, loadSession, session } from './api.js';
import { later } from './later.js';
import { navigate, place, safeNext, withQuery } from './router.js';
import { asked, dropStepUps } from './stepup.js';
import { useStore } from './store.js';
import { Layout } from './components/layout.js';
import { LoadError, Loading } from './components/notice.js';
import { Toasts } from './components/toast.js';
import { LoginPage } from './pages/login.js';
import { MissingPage } from './pages/missing.js';

// Pages are fetched when they are gone to: whoever is to sign in waits for none of them.
const OverviewPage = later(() => import('./pages/overview.js'), 'OverviewPage');
const AgentsPage = later(() => import('./pages/agents.js'), 'AgentsPage');
const AddPage = later(() => import('./pages/add.js'), 'AddPage');
const BackupsPage = later(() => import('./pages/backups.js'), 'BackupsPage');
const ConfigPage = later(() => import('./pages/config.js'), 'ConfigPage');
const ConfigEditPage = later(() => import('./pages/config-edit.js'), 'ConfigEditPage');
const RunPage = later(() => import('./pages/run.js'), 'RunPage');
const RestorePage = later(() => import('./pages/restore.js'), 'RestorePage');
const JobPage = later(() => import('./pages/job.js'), 'JobPage');
const AgentPage = later(() => import('./pages/agent.js'), 'AgentPage');
const ReleasesPage = later(() => import('./pages/releases.js'), 'ReleasesPage');
const ReleasePage = later(() => import('./pages/release.js'), 'ReleasePage');
const RolloutsPage = later(() => import('./pages/rollouts.js'), 'RolloutsPage');
const RolloutNewPage = later(() => import('./pages/rollout-new.js'), 'RolloutNewPage');
const RolloutPage = later(() => import('./pages/rollout.js'), 'RolloutPage');
const AlertsPage = later(() => import('./pages/alerts.js'), 'AlertsPage');
const ContainersPage = later(() => import('./pages/containers.js'), 'ContainersPage');
const UsersPage = later(() => import('./pages/users.js'), 'UsersPage');
const UserPage = later(() => import('./pages/user.js'), 'UserPage');
const InvitationPage = later(() => import('./pages/invitation.js'), 'InvitationPage');
const AccountPage = later(() => import('./pages/account.js'), 'AccountPage');
const AccountMfaPage = later(() => import('./pages/account-mfa.js'), 'AccountMfaPage');
const AccountSessionsPage = later(() => import('./pages/account-sessions.js'), 'AccountSessionsPage');
const AccountTokensPage = later(() => import('./pages/account-tokens.js'), 'AccountTokensPage');
const AccountProfilePage = later(() => import('./pages/account-profile.js'), 'AccountProfilePage');
const AuditPage = later(() => import('./pages/audit.js'), 'AuditPage');
const SettingsPage = later(() => import('./pages/settings.js'), 'SettingsPage');

// Few visits ask for a step-up. Without its dialog the act is as good as cancelled.
const StepUps = later(() => import('./components/step-up.js'), 'StepUps', {
  quiet: true,
  onFailed: () => dropStepUps(new ApiError('Nothing was done: a part of this page could not be loaded. Load it again.')),
});

const ROUTES = [
  { pattern: /^\/$/, page: OverviewPage, title: 'Overview' },
  { pattern: /^\/agents$/, page: AgentsPage, title: 'Agents' },
  { pattern: /^\/agents\/([^/]+)$/, page: AgentPage, title: 'Agent' },
  { pattern: /^\/add$/, page: AddPage, title: 'Add an agent' },
  { pattern: /^\/backups$/, page: BackupsPage, title: 'Backups' },
  { pattern: /^\/backups\/([^/]+)$/, page: RunPage, title: 'Backup run' },
  { pattern: /^\/backups\/([^/]+)\/restore$/, page: RestorePage, title: 'Restore' },
  { pattern: /^\/configs\/new$/, page: ConfigEditPage, title: 'Add a backup' },
  { pattern: /^\/configs\/([^/]+)$/, page: ConfigPage, title: 'Backup' },
  { pattern: /^\/configs\/([^/]+)\/edit$/, page: ConfigEditPage, title: 'Edit a backup' },
  { pattern: /^\/jobs\/([^/]+)$/, page: JobPage, title: 'Restore' },
  { pattern: /^\/releases$/, page: ReleasesPage, title: 'Releases' },
  { pattern: /^\/releases\/([^/]+)$/, page: ReleasePage, title: 'Release' },
  { pattern: /^\/rollouts$/, page: RolloutsPage, title: 'Rollouts' },
  { pattern: /^\/rollouts\/new$/, page: RolloutNewPage, title: 'Start a rollout' },
  { pattern: /^\/rollouts\/([^/]+)$/, page: RolloutPage, title: 'Rollout' },
  { pattern: /^\/alerts$/, page: AlertsPage, title: 'Alerts' },
  { pattern: /^\/containers$/, page: ContainersPage, title: 'Containers' },
  { pattern: /^\/users$/, page: UsersPage, title: 'People' },
  { pattern: /^\/users\/([^/]+)$/, page: UserPage, title: 'Person' },
  { pattern: /^\/account$/, page: AccountPage, title: 'My account' },
  { pattern: /^\/account\/mfa$/, page: AccountMfaPage, title: 'Set up an authenticator app' },
  { pattern: /^\/account\/sessions$/, page: AccountSessionsPage, title: 'My account' },
  { pattern: /^\/account\/tokens$/, page: AccountTokensPage, title: 'My account' },
  { pattern: /^\/account\/profile$/, page: AccountProfilePage, title: 'My account' },
  { pattern: /^\/audit$/, page: AuditPage, title: 'Audit' },
  { pattern: /^\/settings$/, page: SettingsPage, title: 'Settings' },
];

// Whoever has its link is not signed in, or not as the one it is for.
const INVITATION = '/invitation';

function find(path) {
  for (const route of ROUTES) {
    const match = route.pattern.exec(path);
    if (match) return { ...route, id: match[1] };
  }
  return { page: MissingPage, title: 'Not found' };
}

const fetchAhead = (url) => find(new URL(url, location.href).pathname).page.ahead?.();

// This page came to somebody with a session (nginx/preload.mjs): what they want to see need not wait until it is known whose.
if (document.documentElement.dataset.session) fetchAhead(location.href);

function App() {
  const user = useStore(session);
  const { path, search } = useStore(place);
  const [failure, setFailure] = useState(null);
  const load = () => {
    setFailure(null);
    loadSession().catch(setFailure);
  };
  useEffect(load, []);
  useEffect(() => {
    const here = path + search;
    const next = here === '/' ? '' : here;
    if (user === null && path !== '/login' && path !== INVITATION) navigate(withQuery('/login', { next }), { replace: true });
    // Where everybody has to have a second factor, one without any sees only how to set one up.
    if (lacksFactor(user) && path !== '/login' && path !== INVITATION && !path.startsWith('/account')) {
      navigate(withQuery('/account/mfa', { next }), { replace: true });
    }
  }, [user, path, search]);

  const moved = useFocusOnMove(path);
  const [email, setEmail] = useState('');
  if (path === INVITATION) return html`<${InvitationPage} onAccepted=${setEmail} />`;
  if (user === undefined) {
    return html`<main class="container">
      ${failure ? html`<${LoadError} error=${failure} onRetry=${load} />` : html`<${Loading} what="your session" />`}
    </main>`;
  }
  if (user === null || path === '/login') {
    const onBegin = () => fetchAhead(safeNext(new URLSearchParams(search).get('next')));
    return html`<${LoginPage} signedIn=${Boolean(user)} known=${email} onBegin=${onBegin} />`;
  }
  const { page: Page, title, id } = find(path);
  // A page whose parts come and go has one element around them: in a bare list of roots, this preact puts what stood
  // before a part that went behind everything else.
  // Keyed by path: another agent's page starts fresh instead of showing the last one's data for a moment.
  return html`<${Layout} path=${path}>
    <div ref=${moved} tabindex="-1" class="page-body" key=${path}><${Page} id=${id} title=${title} /></div>
  </${Layout}>`;
}

// After a change of place the keyboard starts at the top of the new page, as it would after a real load; not on the
// first one, where the browser has done so. With the page, not a frame later: somebody may be in one of its fields by then.
function useFocusOnMove(path) {
  const body = useRef();
  const last = useRef(path);
  useLayoutEffect(() => {
    if (last.current === path) return;
    last.current = path;
    body.current?.focus({ preventScroll: true });
  }, [path]);
  return body;
}

const Asked = () => useStore(asked) && html`<${StepUps} />`;

render(html`<${App} /><${Asked} /><${Toasts} />`, document.getElementById('app'));
