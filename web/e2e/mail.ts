import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';

/** A part of a mail that is no container, decoded. */
export interface Part { type: string; body: Buffer }
export interface Mail { to: string; subject: string; parts: Part[] }

/** The headers of a mail or a part of it, unfolded, with lower-case names; and what follows them. */
function head(text: string): [Map<string, string>, string] {
  const end = text.indexOf('\n\n');
  const lines = text.slice(0, end).replace(/\n[ \t]+/g, ' ').split('\n');
  const headers = lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]);
  return [new Map(headers), text.slice(end + 2)];
}

/** Undoes the transfer encoding of RFC 2045, section 6. */
function decoded(body: string, encoding: string): Buffer {
  if (encoding === 'base64') return Buffer.from(body, 'base64');
  if (encoding !== 'quoted-printable') return Buffer.from(body, 'latin1');
  return Buffer.from(body.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1');
}

function partsOf(text: string): Part[] {
  const [headers, body] = head(text);
  const type = headers.get('content-type') ?? 'text/plain';
  const boundary = /boundary="?([^";]+)/.exec(type)?.[1];
  if (!boundary) return [{ type: type.split(';')[0]!.trim(), body: decoded(body, (headers.get('content-transfer-encoding') ?? '').toLowerCase()) }];
  const between = body.split(new RegExp(`^--${boundary.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?:--)?[ \\t]*$`, 'm')).slice(1, -1);
  return between.flatMap((part) => partsOf(part.replace(/^\n/, '')));
}

/** Every mail that the SMTP server has put into a Maildir. */
export function mailsIn(folder: string): Mail[] {
  const inbox = join(folder, 'new');
  return readdirSync(inbox).map((name) => {
    const text = readFileSync(join(inbox, name), 'latin1').replace(/\r\n/g, '\n');
    const [headers] = head(text);
    return { to: headers.get('x-rcptto') ?? headers.get('to') ?? '', subject: headers.get('subject') ?? '', parts: partsOf(text) };
  });
}

/** The mail that has this document attached, as soon as it is there. */
export async function mailWith(folder: string, document: Buffer): Promise<Mail> {
  const found = () => mailsIn(folder).find((mail) => mail.parts.some((part) => part.body.equals(document)));
  await expect.poll(() => found()?.to, { message: 'a mail with the approved document', timeout: 30_000 }).toBeTruthy();
  return found()!;
}

/** The signed link by which the addressee confirms the receipt. */
export function receiptLink(mail: Mail): string {
  const plain = mail.parts.find((part) => part.type === 'text/plain')!.body.toString('utf8');
  return /https?:\/\/\S+\/ack\/[\w.~-]+/.exec(plain)![0];
}
