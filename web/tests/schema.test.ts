import { existsSync, readFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';
import { expect, it } from 'vitest';

const document = new URL('../../crates/server/openapi.json', import.meta.url);
const committed = new URL('../src/lib/api/schema.d.ts', import.meta.url);

it.runIf(existsSync(document))('the types are those of the server’s document (npm run generate)', async () => {
  const made = astToString(await openapiTS(document));
  const body = readFileSync(committed, 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\s*/, '');
  expect(body.trim()).toBe(made.trim());
});
