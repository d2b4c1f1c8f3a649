// A labelled form field whose hint and error are tied to it for assistive technology.
import { html, useLayoutEffect, useRef } from '/vendor/preact.js';
import { sentence } from '../format.js';

// error is the sentence to show beneath, or nothing. type may also be "textarea" or "select" (children are its options).
export function Field({ id, label, hint, error, optional, type = 'text', value, onValue, children, ...rest }) {
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ') || undefined;
  const props = {
    id, name: id, value, ...rest,
    'aria-describedby': described,
    'aria-invalid': error ? 'true' : undefined,
    onInput: (event) => onValue(event.target.value),
  };
  const control = type === 'textarea' ? html`<textarea ...${props}></textarea>`
    : type === 'select' ? html`<select ...${props}>${children}</select>`
      : html`<input type=${type} ...${props} />`;
  return html`<div class="field">
    <label for=${id}>${label}${optional && html` <span class="muted">(optional)</span>`}</label>
    ${control}
    ${error && html`<small id=${`${id}-error`} class="field-error">${sentence(error)}</small>`}
    ${hint && html`<small id=${`${id}-hint`} class="hint">${hint}</small>`}
  </div>`;
}

// The server names a wrong field by JSON pointer: "/options/level" -> {"options/level": detail}.
export function fieldErrors(error) {
  return error?.pointer ? { [error.pointer.replace(/^\//, '')]: error.message } : {};
}

// What a field that takes one thing a line holds.
export const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

// For a form: after a try that was refused the keyboard stands at the first field to correct, as soon as its error is drawn.
export function useFocusOnError(errors) {
  const form = useRef();
  const said = JSON.stringify(errors);
  useLayoutEffect(() => {
    if (said === '{}') return;
    const field = form.current?.querySelector('[aria-invalid="true"]');
    field?.closest('details')?.setAttribute('open', '');
    field?.focus();
  }, [said]);
  return form;
}
