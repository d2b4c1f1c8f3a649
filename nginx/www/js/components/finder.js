// The box that finds everything (a combobox with a list, as in the ARIA Authoring Practices), driven by the keyboard.
import { html, useEffect, useLayoutEffect, useRef, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { navigate } from '../router.js';
import { Icon } from './icon.js';

const TYPING_MS = 120;
const LONGEST = 120;

const KINDS = {
  page: ['Page', 'next'], agent: ['Agent', 'server'], config: ['Backup', 'archive'], run: ['Run', 'play'],
  release: ['Release', 'tag'], rollout: ['Rollout', 'rows'], user: ['User', 'dot'],
};

function useResults(text) {
  const [state, setState] = useState({ q: null, results: [], error: null });
  useEffect(() => {
    const life = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const { results } = await api(`/api/search?q=${encodeURIComponent(text)}`, { signal: life.signal });
        if (!life.signal.aborted) setState({ q: text, results, error: null });
      } catch (error) {
        if (!life.signal.aborted) setState({ q: text, results: [], error });
      }
    }, text ? TYPING_MS : 0);
    return () => {
      life.abort();
      clearTimeout(timer);
    };
  }, [text]);
  return state;
}

export function Finder({ onClose }) {
  const dialog = useRef();
  const [text, setText] = useState('');
  const [choice, setChoice] = useState({ q: null, n: 0 });
  const [hasty, setHasty] = useState(false);
  const wanted = text.trim().slice(0, LONGEST);
  const { q, results, error } = useResults(wanted);
  const at = choice.q === q ? choice.n : 0; // other results begin at their first
  const setAt = (n) => setChoice({ q, n });
  useLayoutEffect(() => {
    const element = dialog.current;
    element.showModal();
    return () => element.close();
  }, []);
  useEffect(() => document.getElementById(`found-${at}`)?.scrollIntoView({ block: 'nearest' }), [at]);

  const go = (result) => {
    onClose();
    navigate(result.href);
  };
  // Enter before the answer is there means what is typed, not what was found for less of it.
  useLayoutEffect(() => {
    if (!hasty || q !== wanted) return;
    setHasty(false);
    if (results.length) go(results[0]);
  }, [hasty, q, wanted]);
  const onKey = (event) => {
    const last = results.length - 1;
    const moves = { ArrowDown: at >= last ? 0 : at + 1, ArrowUp: at <= 0 ? last : at - 1, Home: 0, End: last };
    if (event.key === 'Enter') {
      event.preventDefault();
      if (q !== wanted) setHasty(true);
      else if (results[at]) go(results[at]);
    } else if (event.key in moves && last >= 0 && !((event.key === 'Home' || event.key === 'End') && text)) {
      event.preventDefault();
      setAt(moves[event.key]);
    }
  };
  const onInput = (event) => {
    setText(event.target.value);
    setHasty(false);
  };
  const onCancel = (event) => {
    event.preventDefault();
    onClose();
  };
  const onBackdrop = (event) => event.target === dialog.current && onClose();
  const said = q === null ? '' : error ? error.message : `${results.length} found`;
  return html`<dialog ref=${dialog} class="palette" aria-label="Search everything" onCancel=${onCancel} onClick=${onBackdrop}>
    <article>
      <input type="text" role="combobox" aria-label="Search everything" aria-expanded=${results.length > 0} autofocus
        aria-controls="found" aria-autocomplete="list" aria-activedescendant=${results[at] ? `found-${at}` : undefined}
        placeholder="Agents, backups, runs, releases, pages" value=${text} maxlength=${LONGEST} autocomplete="off"
        spellcheck=${false} onInput=${onInput} onKeyDown=${onKey} />
      <p class="sr" role="status">${said}</p>
      <ul id="found" role="listbox" aria-label="Found">
        ${results.map((result, n) => html`<${Result} key=${`${result.kind}:${result.id}`} result=${result} n=${n}
          chosen=${n === at} onPoint=${() => setAt(n)} onGo=${() => go(result)} />`)}
      </ul>
      ${error && html`<p class="text-bad">${error.message}</p>`}
      ${!error && q && !results.length && html`<p class="muted nothing">Nothing has “${q}” in its name.</p>`}
    </article>
  </dialog>`;
}

// An option, not a link: the keyboard stays in the box. Opening in a new tab is what the pages' own links are for.
function Result({ result, n, chosen, onPoint, onGo }) {
  const [kind, icon] = KINDS[result.kind] ?? [result.kind, 'dot'];
  return html`<li id=${`found-${n}`} role="option" aria-selected=${chosen} onPointerMove=${onPoint} onClick=${onGo}>
    <${Icon} name=${icon} /><span class="found-title">${result.title}</span>
    <small class="muted">${[kind, result.detail].filter(Boolean).join(' · ')}</small>
  </li>`;
}
