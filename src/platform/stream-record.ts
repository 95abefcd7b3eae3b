/** One entry of a stream: `id` is `<major>-<minor>`, a position that only rises; `head` is JSON, `body` raw bytes. */
export interface StreamEntry {
  id: string;
  head: Record<string, unknown>;
  body: Buffer | null;
}

/** What the bodies of these entries take together. */
export function bodyBytes(entries: readonly StreamEntry[]): number {
  return entries.reduce((sum, { body }) => sum + (body?.length ?? 0), 0);
}

/** What Redis stores under one id: entries that were appended together, so that a short cast is one command. */
interface StreamRecord {
  id: string;
  head: string;
  body: Buffer | null;
}

/** How an entry stands in a record: its id, its head, and the length of its body. */
type Packed = [id: string, head: Record<string, unknown>, bodyBytes: number | null];

// A record carries one largest piece or many small ones; readers read a number of records at a time.
const RECORD_BYTES_MAX = 64 * 1024;
const RECORD_ENTRIES_MAX = 64;
// What goes to everybody who listens to anything stays small; who follows a stream with more in it reads it there.
const TOLD_BYTES_MAX = 4 * 1024;

/** A record's id is that of its last entry: Redis then refuses it whole when any of it is not new. */
export function toRecords(entries: StreamEntry[]): StreamRecord[] {
  const records: StreamRecord[] = [];
  let packed: StreamEntry[] = [];
  let bytes = 0;
  const close = () => {
    if (packed.length > 0) records.push(pack(packed));
    packed = [];
    bytes = 0;
  };
  for (const entry of entries) {
    const length = entry.body?.length ?? 0;
    if (bytes + length > RECORD_BYTES_MAX || packed.length === RECORD_ENTRIES_MAX) close();
    packed.push(entry);
    bytes += length;
  }
  close();
  return records;
}

function pack(entries: StreamEntry[]): StreamRecord {
  const bodies = entries.flatMap(({ body }) => (body === null ? [] : [body]));
  const [only] = bodies;
  const body = only === undefined ? null : bodies.length === 1 ? only : Buffer.concat(bodies);
  return { id: entries.at(-1)?.id ?? '', head: JSON.stringify(entries.map(toPacked)), body };
}

function toPacked({ id, head, body }: StreamEntry): Packed {
  return [id, head, body?.length ?? null];
}

function unpack(packed: Packed[], body: Buffer): StreamEntry[] {
  let at = 0;
  return packed.map(([id, head, bytes]) => {
    if (bytes === null) return { id, head, body: null };
    at += bytes;
    return { id, head, body: body.subarray(at - bytes, at) };
  });
}

/** The entries of one record as Redis answers it. */
export function fromRecord([, fields]: [Buffer, Buffer[]]): StreamEntry[] {
  const [, head, , body] = fields;
  return unpack(JSON.parse((head ?? '[]').toString()) as Packed[], body ?? Buffer.alloc(0));
}

/** Are they few and small enough to be told, rather than read where they are stored? */
export function isTold(entries: StreamEntry[]): boolean {
  return bodyBytes(entries) <= TOLD_BYTES_MAX && entries.length <= RECORD_ENTRIES_MAX;
}

/** What listeners are told: per stream its name and entries, or its name alone when they are large. */
type Told = [name: string, packed?: Packed[], body?: string];

/** The first word is the writer's name, so that it knows its own messages again. */
export function toMessage(
  writer: string,
  appends: readonly { name: string; entries: StreamEntry[] }[],
): string {
  const told = appends.map(({ name, entries }): Told => {
    if (!isTold(entries)) return [name];
    const { body } = pack(entries);
    return body === null
      ? [name, entries.map(toPacked)]
      : [name, entries.map(toPacked), body.toString('base64')];
  });
  return JSON.stringify([writer, ...told]);
}

export function isMessageOf(writer: string, message: string): boolean {
  return message.startsWith(`["${writer}"`);
}

/** Of the streams that somebody is interested in: their entries, or null when they have to be read. */
export function fromMessage(
  message: string,
  isOfInterest: (name: string) => boolean,
): { name: string; entries: StreamEntry[] | null }[] {
  return (JSON.parse(message) as (string | Told)[])
    .filter((told): told is Told => typeof told !== 'string' && isOfInterest(told[0]))
    .map(([name, packed, body]) => ({
      name,
      entries: packed === undefined ? null : unpack(packed, Buffer.from(body ?? '', 'base64')),
    }));
}
