/** A bare word needs no quotes in the search language. */
const bare = /^[\p{L}\p{N}_][\p{L}\p{N}_.\-]*$/u;
const keywords = new Set(['and', 'or', 'not']);

/** `value` as the search language reads it back unchanged. */
export function quote(value: string): string {
  if (bare.test(value) && !keywords.has(value.toLowerCase())) return value;
  return `"${value.replace(/\\/g, '\\\\').replace(/"/g, '\\"')}"`;
}

/** Adds `field is value` (or is not) to a query, keeping the meaning of what was there. */
export function withFilter(query: string, field: string, value: unknown, negate: boolean): string {
  return withTerm(query, `${negate ? 'not ' : ''}${field}:${quote(String(value))}`);
}

/** Adds `field exists` to a query. */
export function withExists(query: string, field: string): string {
  return withTerm(query, `${field}:*`);
}

function withTerm(query: string, term: string): string {
  const text = query.trim();
  if (text === '' || text === '*') return term;
  if (terms(text).includes(term)) return text;
  return `${hasTopLevelOr(text) ? `(${text})` : text} and ${term}`;
}

/** The parts of a query between its top-level `and`s. */
function terms(query: string): string[] {
  return split(query, 'and');
}

function hasTopLevelOr(query: string): boolean {
  return split(query, 'or').length > 1;
}

/** Splits at a keyword that stands outside quotes, regular expressions and brackets. */
function split(query: string, word: 'and' | 'or'): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < query.length; i += 1) {
    const c = query[i];
    if (c === '"' || (c === '/' && (i === 0 || /[\s:(]/.test(query[i - 1] ?? '')))) {
      i = closing(query, i);
    } else if (c === '(') depth += 1;
    else if (c === ')') depth -= 1;
    else if (depth === 0 && /\s/.test(c ?? '')) {
      const rest = query.slice(i + 1);
      if (rest.slice(0, word.length).toLowerCase() === word && /^[\s(]/.test(rest.slice(word.length))) {
        parts.push(query.slice(start, i).trim());
        start = i + 1 + word.length;
      }
    }
  }
  parts.push(query.slice(start).trim());
  return parts.filter(Boolean);
}

function closing(query: string, open: number): number {
  for (let i = open + 1; i < query.length; i += 1) {
    if (query[i] === '\\') i += 1;
    else if (query[i] === query[open]) return i;
  }
  return query.length;
}
