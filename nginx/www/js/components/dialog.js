// Modal dialogs on the browser's own <dialog>: it traps the focus, closes with Escape and gives the focus back.
import { html, useLayoutEffect, useRef, useState } from '/vendor/preact.js';
import { IconButton } from './button.js';
import { Field } from './field.js';
import { Notice } from './notice.js';

let opened = 0;

export function Dialog({ title, onClose, children, wide }) {
  const dialog = useRef();
  const [titleId] = useState(() => `dialog-title-${++opened}`); // one may stand over another
  useLayoutEffect(() => {
    const element = dialog.current;
    element.showModal();
    return () => element.close(); // before it leaves the page, or the focus is lost
  }, []);
  const onCancel = (event) => {
    event.preventDefault(); // the owner's state decides what is shown
    onClose();
  };
  return html`<dialog ref=${dialog} aria-labelledby=${titleId} onCancel=${onCancel} class=${wide ? 'wide' : ''}>
    <article>
      <header>
        <h2 id=${titleId}>${title}</h2>
        <${IconButton} icon="cross" label="Close" onClick=${onClose} />
      </header>
      ${children}
    </article>
  </dialog>`;
}

// The last line of a dialog's form.
export function DialogFooter({ action, danger, ready = true, busy, onClose }) {
  return html`<footer>
    <button type="button" class="secondary outline" onClick=${onClose}>Cancel</button>
    <button type="submit" class=${danger ? 'danger' : ''} disabled=${!ready || busy} aria-busy=${busy}>${action}</button>
  </footer>`;
}

// Runs an async act once at a time; error is what the form shows when it failed.
export function useAct() {
  const [state, setState] = useState({ busy: false, error: null });
  const act = async (work) => {
    if (state.busy) return;
    setState({ busy: true, error: null });
    try {
      await work();
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return [act, state];
}

// In the page before there is an error to announce, like every live region.
export const ActError = ({ error }) => html`<div role="alert">
  ${error && html`<${Notice} tone="bad" icon="warning" text=${error.message} />`}
</div>`;

// Asks before something that matters. With typed, the button works only once that exact text is typed: a deletion must
// not be one click in the wrong tab away.
export function Confirm({ title, children, action, danger, typed, onConfirm, onClose }) {
  const [text, setText] = useState('');
  const [act, { busy, error }] = useAct();
  const ready = !typed || text === typed;
  const submit = (event) => {
    event.preventDefault();
    if (!ready) return;
    act(async () => {
      await onConfirm();
      onClose();
    });
  };
  const label = html`Type <strong class="typed">${typed}</strong> to confirm`;
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${submit}>
      ${children}
      ${typed && html`<${Field} id="confirm-name" label=${label} value=${text} onValue=${setText} autocomplete="off"
        spellcheck=${false} autofocus />`}
      <${ActError} error=${error} />
      <${DialogFooter} action=${action} danger=${danger} ready=${ready} busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}
