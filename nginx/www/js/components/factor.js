// Showing a second factor, at sign-in and before an act: one of the ways that a person has, and the others beside it.
import { html, useLayoutEffect, useState } from '/vendor/preact.js';
import { passkeysSupported } from '../passkey.js';
import { BackupCodeField, CodeField } from './code-field.js';
import { useAct } from './dialog.js';

// In the order in which they are offered.
const WAYS = {
  totp: { other: 'Use the app', text: 'Open your authenticator app and type the code that it shows for Muster.' },
  passkey: {
    other: 'Use a passkey', text: 'Your browser asks for the passkey of this device, your phone or your security key.',
  },
  'backup-code': { other: 'Use a backup code', text: 'Your phone or key is gone? A backup code takes its place.' },
};

// methods: names of WAYS that the person has. prove(proof): gives {code} or {passkey} to the server; what it throws is
// the error to show. askPasskey(): has them choose one.
export function useFactor({ methods, prefix, prove, askPasskey }) {
  const offered = Object.keys(WAYS).filter((way) => methods.includes(way) && (way !== 'passkey' || passkeysSupported()));
  const [way, setWay] = useState(offered[0] ?? 'totp');
  const [code, setCode] = useState('');
  const [act, { busy, error }] = useAct();
  const id = `${prefix}-${way}`;
  // With what it is on: a digit typed as soon as the field is seen counts. A dialog that opens heeds autofocus instead.
  useLayoutEffect(() => document.getElementById(id)?.focus(), [id]);

  const send = (proof) => act(async () => {
    try {
      await prove(proof ?? { passkey: await askPasskey() });
    } catch (cause) {
      setCode('');
      if (cause.slug === 'backup-code-required') setWay('backup-code');
      document.getElementById(id)?.focus();
      throw cause;
    }
  });
  const change = (to) => {
    setCode('');
    setWay(to);
  };
  const submit = (event) => {
    event.preventDefault();
    send(way === 'passkey' ? null : { code });
  };
  return { offered, way, id, code, setCode, send, change, submit, busy, error, ready: way === 'passkey' || code !== '' };
}

export const factorText = ({ way }) => WAYS[way].text;

// What is typed; a passkey has no field, and the form's button asks for it.
export function FactorField({ factor: { way, id, code, setCode, send } }) {
  if (way === 'totp') {
    return html`<${CodeField} key="totp" id=${id} value=${code} onValue=${setCode} onCode=${(six) => send({ code: six })} autofocus />`;
  }
  return way === 'backup-code' && html`<${BackupCodeField} key="backup" id=${id} value=${code} onValue=${setCode} autofocus />`;
}

export const OtherWays = ({ factor: { offered, way, change } }) => offered.filter((each) => each !== way).map((each) => html`
  <button type="button" key=${each} class="link" onClick=${() => change(each)}>${WAYS[each].other} instead</button>`);
