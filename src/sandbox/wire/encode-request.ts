import type { CastRequest } from './messages.js';

/** Length of the JSON header that starts a request. */
export const REQUEST_PREFIX_BYTES = 4;

/** The pieces of one request in the order they go down the pipe, without copying the bulk bytes. */
export function encodeRequest(request: CastRequest, bulk: readonly Uint8Array[]): Uint8Array[] {
  const header = Buffer.from(JSON.stringify(request));
  const prefix = Buffer.alloc(REQUEST_PREFIX_BYTES);
  prefix.writeUInt32LE(header.length);
  return [Buffer.concat([prefix, header]), ...bulk.filter((bytes) => bytes.length > 0)];
}
