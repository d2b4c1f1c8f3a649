// A page whose module is fetched the first time it is shown, or ahead of that.
import { html, useEffect, useState } from '/vendor/preact.js';
import { LoadError, Loading } from './components/notice.js';

const AWAY = { message: 'This page could not be loaded from the server. Check that it runs, then try again.' };

// load() gives the module, in which name is the page. quiet: it is a part of a page that nothing is said about, neither
// while it comes nor when it does not; onFailed() then is called. The component has ahead(), which fetches the module of
// what is likely to be shown soon.
export function later(load, name, { quiet = false, onFailed = () => {} } = {}) {
  let Page = null; // once fetched, shown at once
  const fetched = async () => {
    Page = (await load())[name];
  };
  function Later(props) {
    const [failed, setFailed] = useState(false);
    const [loaded, setLoaded] = useState(Boolean(Page));
    useEffect(() => {
      if (loaded) return;
      fetched().then(() => setLoaded(true), () => {
        setFailed(true);
        onFailed();
      });
    }, []);
    if (Page) return html`<${Page} ...${props} />`;
    if (quiet) return null;
    // Browsers remember a module that failed, so only loading everything again tries anew.
    return failed ? html`<${LoadError} error=${AWAY} onRetry=${() => location.reload()} />`
      : html`<${Loading} what="this page" />`;
  }
  Later.ahead = () => fetched().catch(() => {}); // said when it is shown
  return Later;
}
