import type { PreparedModule } from './rewrite-module.js';

const LENGTH_BYTES = 4;

/** The answer of the analysis process: length of the JSON head, the head, the bytes of the prepared module. */
export function encodeAnswer(prepared: PreparedModule): Buffer {
  const { bytes, ...head } = prepared.ok ? prepared : { ...prepared, bytes: new Uint8Array() };
  const json = Buffer.from(JSON.stringify(head), 'utf-8');
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, bytes]);
}

/** Nothing when the answer is cut off. */
export function decodeAnswer(answer: Buffer): PreparedModule | undefined {
  if (answer.length < LENGTH_BYTES) return undefined;
  const end = LENGTH_BYTES + answer.readUInt32LE();
  if (answer.length < end) return undefined;
  const head = JSON.parse(answer.toString('utf-8', LENGTH_BYTES, end)) as PreparedModule;
  return head.ok ? { ...head, bytes: Uint8Array.from(answer.subarray(end)) } : head;
}
