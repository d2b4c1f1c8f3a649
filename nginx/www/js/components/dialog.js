// Modal dialogs on the browser's own <dialog>: it traps the focus, closes with Escape and gives the focus back.
import { html, useLayoutEffect, useRef, useState } from '/vendor/preact.js';
import { Field } from './field.js';
import { Icon } from './icon.js';

export function Dialog({ title, onClose, children, wide }) {
  const dialog = useRef();
  useLayoutEffect(() => {
    const element = dialog.current;
    element.showModal();
    return () => element.close(); // before it leaves the page, or the focus is lost
  }, []);
  const onCancel = (event) => {
    event.preventDefault(); // the owner's state decides what is shown
    onClose();
  };
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onCancel=${onCancel} class=${wide ? 'wide' : ''}>
    <article>
      <header>
        <h2 id="dialog-title">${title}</h2>
        <button type="button" class="bare" aria-label="Close" onClick=${onClose}><${Icon} name="cross" /></button>
      </header>
      ${children}
    </article>
  </dialog>`;
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

export const ActError = ({ error }) => html`<div role="alert">${error && html`<p class="notice bad"><${Icon} name="warning" /><span>${error.message}</span></p>`}</div>`;

// Asks before something that matters. With typed, the button works only once that exact text is typed: a deletion must
// not be one click in the wrong tab away.
export function Confirm({ title, children, action, danger, typed, onConfirm, onClose }) {
  const [text, setText] = useState('');
  const [act, { busy, error }] = useAct();
  const ready = !typed || text === typed;
  const submit = (event) => {
    event.preventDefault();
    if (ready) act(async () => {
      await onConfirm();
      onClose();
    });
  };
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form onSubmit=${submit}>
      ${children}
      ${typed && html`<${Field} id="confirm-name" label=${html`Type <strong class="typed">${typed}</strong> to confirm`} value=${text}
        onValue=${setText} autocomplete="off" spellcheck=${false} autofocus />`}
      <${ActError} error=${error} />
      <footer>
        <button type="button" class="secondary outline" onClick=${onClose}>Cancel</button>
        <button type="submit" class=${danger ? 'danger' : ''} disabled=${!ready || busy} aria-busy=${busy}>${action}</button>
      </footer>
    </form>
  </${Dialog}>`;
}
