#!/usr/bin/env node
// nginx/preload.mjs WWW: names in WWW/index.html every module that the first page takes, so that a browser asks for all at
// once instead of finding each when it has read the one before: whatever main.js imports, directly or not, but for what it
// fetches later (import()). Beside it a second one, WWW/signed-in.html, which nginx sends to browsers that have a session:
// it names what the overview takes, too, and says to main.js that somebody is there for whom a page may be fetched at once.
import { readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';

const www = process.argv[2];

function walk(path, found) {
  if (found.has(path)) return found;
  found.add(path);
  const text = readFileSync(www + path, 'utf8');
  for (const [, name] of text.matchAll(/^import\b[^'(]*'([^']+)';/gm)) {
    walk(name.startsWith('/') ? name : posix.join(posix.dirname(path), name), found);
  }
  return found;
}

function replaced(text, what, by) {
  const changed = text.replace(what, by);
  if (changed === text) throw new Error(`index.html has no ${what}`);
  return changed;
}

const page = readFileSync(`${www}/index.html`, 'utf8');
const withModules = (found) => replaced(page, /^ *<!-- modules -->$/m,
  [...found].map((path) => `  <link rel="modulepreload" href="${path}">`).join('\n'));

writeFileSync(`${www}/index.html`, withModules(walk('/js/main.js', new Set())));
writeFileSync(`${www}/signed-in.html`, replaced(withModules(walk('/js/pages/overview.js', walk('/js/main.js', new Set()))),
  '<html lang="en">', '<html lang="en" data-session="likely">'));
