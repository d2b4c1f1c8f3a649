// A page whose module is fetched the first time it is shown.
import { html, useEffect, useState } from '/vendor/preact.js';
import { LoadError, Loading } from './components/notice.js';

const AWAY = { message: 'This page could not be loaded from the server. Check that it runs, then try again.' };

// load() gives the module, in which name is the page.
export function later(load, name) {
  let Page = null; // once fetched, shown at once
  return function Later(props) {
    const [failed, setFailed] = useState(false);
    const [, setLoaded] = useState(Boolean(Page));
    useEffect(() => {
      if (Page) return;
      load().then((module) => {
        Page = module[name];
        setLoaded(true);
      }, () => setFailed(true));
    }, []);
    if (Page) return html`<${Page} ...${props} />`;
    // Browsers remember a module that failed, so only loading everything again tries anew.
    return failed ? html`<${LoadError} error=${AWAY} onRetry=${() => location.reload()} />`
      : html`<${Loading} what="this page" />`;
  };
}
