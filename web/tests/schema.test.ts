import { existsSync, readFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';
import { expect, it } from 'vitest';

const document = new URL('../../crates/server/openapi.json', import.meta.url);
const committed = new URL('../src/lib/api/schema.d.ts', import.meta.url);

it.runIf(existsSync(document))('the types are those of the server’s document (npm run generate)', async () => {
  // Comments may be reworded without the types growing old.
  const types = (text: string) => text.replace(/\/\*\*[\s\S]*?\*\//g, '').replace(/\s+/g, ' ').trim();
  expect(types(readFileSync(committed, 'utf8'))).toBe(types(astToString(await openapiTS(document))));
});
