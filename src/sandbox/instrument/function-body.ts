import type { ByteReader } from './byte-reader.js';
import { skipValueType } from './read-operator.js';

const V128 = 0x7b;

/** The declarations of locals (core specification 5.4.9) without their number of groups. */
export interface DeclaredLocals {
  groups: number;
  count: number;
  hasVectors: boolean;
  bytes: Uint8Array;
}

/** Reads them and leaves the reader at the first instruction. */
export function readLocals(body: ByteReader): DeclaredLocals {
  const groups = body.u32();
  const start = body.position;
  let count = 0;
  let hasVectors = false;
  for (let group = 0; group < groups; group++) {
    count += body.u32();
    if (body.bytes[body.position] === V128) hasVectors = true;
    skipValueType(body);
  }
  return { groups, count, hasVectors, bytes: body.bytes.subarray(start, body.position) };
}
