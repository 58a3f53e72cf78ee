import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** A member of a ZIP: where its stored bytes lie, and where its two checksums stand. */
export interface Member { name: string; start: number; size: number; checksums: number[] }

/** The members of a ZIP that compresses nothing, as a dossier is. */
export function membersOf(zip: Buffer): Member[] {
  const members: Member[] = [];
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let at = zip.readUInt32LE(end + 16);
  while (zip.readUInt32LE(at) === 0x02014b50) {
    if (zip.readUInt16LE(at + 10) !== 0) throw new Error('a member is compressed');
    const [size, length, extra, comment, local] = [zip.readUInt32LE(at + 24), zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32), zip.readUInt32LE(at + 42)];
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    members.push({ name: zip.toString('utf8', at + 46, at + 46 + length), start, size, checksums: [local + 14, at + 16] });
    at += 46 + length + extra + comment;
  }
  return members;
}

/** The same ZIP with one bit of a member turned over; `hidden` also corrects the ZIP's own checksums. */
export function tampered(zip: Buffer, member: Member, offset: number, hidden: boolean): Buffer {
  const changed = Buffer.from(zip);
  changed[member.start + offset]! ^= 1;
  if (hidden) for (const place of member.checksums) changed.writeUInt32LE(crc32(changed.subarray(member.start, member.start + member.size)), place);
  return changed;
}

/** What the program `saqshy-verify` says of a dossier. */
export function verify(program: string, file: string, zip: Buffer, language = 'en'): { status: number | null; text: string } {
  writeFileSync(file, zip);
  const { status, stdout, stderr } = spawnSync(program, [file, '--lang', language], { encoding: 'utf8' });
  return { status, text: stdout + stderr };
}
