export interface NewEntry {
  sequence: number;
  leaf: string;
  /** What its owner finds and opens it by; null when the person's key is gone. `subjectHash` has 32 bytes. */
  secret: { subjectHash: Buffer; sealed: Buffer } | null;
}

/** Entries side by side: for each its leaf, and then its subject's hash and what is sealed, if anything is. */
export interface PackedEntries {
  /** The sequence of the first; the others follow without gaps. */
  first: number;
  bytes: Buffer;
  /** PostgreSQL's literals of int[], one number for each entry; places count from 1, as they do there. */
  starts: string;
  leafBytes: string;
  /** 0 where nothing is sealed. */
  sealedBytes: string;
}

/** One value for all of them: bytes in an array would cross as text, twice as long, to be written here and read there. */
export function packEntries(entries: readonly NewEntry[]): PackedEntries {
  const parts: Buffer[] = [];
  const [starts, leafBytes, sealedBytes]: [number[], number[], number[]] = [[], [], []];
  let end = 1;
  for (const { leaf, secret } of entries) {
    const leafPart = Buffer.from(leaf);
    const added = secret === null ? [leafPart] : [leafPart, secret.subjectHash, secret.sealed];
    parts.push(...added);
    starts.push(end);
    leafBytes.push(leafPart.length);
    sealedBytes.push(secret?.sealed.length ?? 0);
    end += added.reduce((sum, part) => sum + part.length, 0);
  }
  const [first, bytes] = [entries[0]?.sequence ?? 0, Buffer.concat(parts)];
  return { first, bytes, starts: list(starts), leafBytes: list(leafBytes), sealedBytes: list(sealedBytes) };
}

function list(numbers: readonly number[]): string {
  return `{${numbers.join()}}`;
}
