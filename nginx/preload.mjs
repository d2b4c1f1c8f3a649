#!/usr/bin/env node
// nginx/preload.mjs WWW: names in WWW/index.html every module that the first page takes, so that a browser asks for all at
// once instead of finding each when it has read the one before. Whatever main.js imports, directly or not, but for what
// it fetches later (import()).
import { readFileSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';

const www = process.argv[2];
const found = new Set();

function walk(path) {
  if (found.has(path)) return;
  found.add(path);
  const text = readFileSync(www + path, 'utf8');
  for (const [, name] of text.matchAll(/^import\b[^'(]*'([^']+)';/gm)) {
    walk(name.startsWith('/') ? name : posix.join(posix.dirname(path), name));
  }
}

walk('/js/main.js');
const links = [...found].map((path) => `  <link rel="modulepreload" href="${path}">`).join('\n');
const page = readFileSync(`${www}/index.html`, 'utf8');
const marked = page.replace(/^ *<!-- modules -->$/m, links);
if (marked === page) throw new Error('index.html has no place for its modules');
writeFileSync(`${www}/index.html`, marked);
