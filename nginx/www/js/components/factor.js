// Showing a second factor, at sign-in and before an act: one of the ways that a person has, and the others beside it.
import { html, useLayoutEffect, useRef, useState } from '/vendor/preact.js';
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

// The factors of somebody who is signed in, of the session's mfa; the page may have been loaded before the first was set up.
export function methodsOf({ totp, passkeys, codesLeft }) {
  const methods = [totp && 'totp', passkeys > 0 && 'passkey', codesLeft > 0 && 'backup-code'].filter(Boolean);
  return methods.length ? methods : ['totp', 'backup-code'];
}

// methods: names of WAYS that the person has. prove(proof): gives {code} or {passkey} to the server; what it throws is
// the error to show. askPasskey(): has them choose one. alone: the form asks for nothing else; otherwise it begins with
// what stands above, and the last digit does not send it.
export function useFactor({ methods, prefix, prove, askPasskey, alone = true }) {
  const offered = Object.keys(WAYS).filter((way) => methods.includes(way) && (way !== 'passkey' || passkeysSupported()));
  const [way, setWay] = useState(offered[0] ?? 'totp');
  const [code, setCode] = useState('');
  const [act, { busy, error }] = useAct();
  const id = `${prefix}-${way}`;
  const begun = useRef(alone);
  // With what it is on: a digit typed as soon as the field is seen counts. A dialog that opens heeds autofocus instead.
  useLayoutEffect(() => {
    if (begun.current) document.getElementById(id)?.focus();
    begun.current = true;
  }, [id]);

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
  const onCode = (six) => alone && send({ code: six });
  return { offered, way, id, code, setCode, onCode, alone, change, submit, busy, error, ready: way === 'passkey' || code !== '' };
}

export const factorText = ({ way }) => WAYS[way].text;

// What is typed; a passkey has no field, and the form's button asks for it.
export function FactorField({ factor: { way, id, code, setCode, onCode, alone } }) {
  if (way === 'totp') {
    return html`<${CodeField} key="totp" id=${id} value=${code} onValue=${setCode} onCode=${onCode} autofocus=${alone} />`;
  }
  return way === 'backup-code' && html`<${BackupCodeField} key="backup" id=${id} value=${code} onValue=${setCode} autofocus=${alone} />`;
}

export const OtherWays = ({ factor: { offered, way, change } }) => offered.filter((each) => each !== way).map((each) => html`
  <button type="button" key=${each} class="link" onClick=${() => change(each)}>${WAYS[each].other} instead</button>`);
