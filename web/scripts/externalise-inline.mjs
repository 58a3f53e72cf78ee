// Moves the inline start script that SvelteKit writes into index.html to a file of its own,
// so that the server can send `script-src 'self'` without hashes.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const page = new URL('../build/index.html', import.meta.url);
const html = readFileSync(page, 'utf8');
let moved = 0;
const out = html.replace(/<script>([\s\S]*?)<\/script>/g, (_, body) => {
  const name = `_app/start.${createHash('sha256').update(body).digest('hex').slice(0, 8)}.js`;
  writeFileSync(new URL(`../build/${name}`, import.meta.url), body.trim() + '\n');
  moved += 1;
  return `<script src="/${name}"></script>`;
});
if (moved !== 1) throw new Error(`expected one inline script in index.html, found ${moved}`);
if (/<style|\son\w+="/.test(out)) throw new Error('index.html still holds an inline style or handler');
writeFileSync(page, out);
