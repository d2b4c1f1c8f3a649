// node generate.mjs passwords.json > common_words.c
//
// The list as sorted hashes (64-bit FNV-1a of the lower-case bytes): membership is all that is asked of it, and the
// program carries no list of words. Short ones are left out: they would be found inside of anything.
import { readFileSync } from 'node:fs';

const LEAST = 4;

function hash(text) {
  let h = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) h = ((h ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  return h;
}

const words = JSON.parse(readFileSync(process.argv[2], 'utf8')).map((word) => word.toLowerCase());
const kept = words.filter((word) => word.length >= LEAST);
if (kept.length < 10000) throw new Error(`only ${kept.length} words: this is not the list`);
const hashes = [...new Set(kept.map(hash))].sort((a, b) => (a < b ? -1 : 1));
const longest = Math.max(...kept.map((word) => word.length));

console.log(`/* Made by fcgi-app/auth/words/generate.mjs. */
#include "auth/common_words.h"

const size_t common_words_longest = ${longest};
const size_t common_words_count = ${hashes.length};
const uint64_t common_words[] = {`);
for (let i = 0; i < hashes.length; i += 5)
  console.log(`    ${hashes.slice(i, i + 5).map((h) => `0x${h.toString(16)}U`).join(', ')},`);
console.log('};');
