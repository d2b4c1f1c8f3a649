// What is known of one thing, as pairs of a name and a value.
import { html } from '/vendor/preact.js';

export const Facts = ({ children }) => html`<dl class="facts">${children}</dl>`;

export const Fact = ({ label, wide, children }) => html`
  <div class=${wide ? 'wide' : ''}><dt>${label}</dt><dd>${children}</dd></div>`;
