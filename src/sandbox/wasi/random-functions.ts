import { createCipheriv, createHash, randomFillSync } from 'node:crypto';
import { MAX_CHUNK_BYTES } from '../sandbox-limits.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

const ZEROS = new Uint8Array(MAX_CHUNK_BYTES);

type Fill = (part: Uint8Array) => void;

/** Random bytes in pieces, so that a guest asking for gigabytes meets its deadline between two of them. */
export function randomFunctions({ request, host, memory }: WasiContext): WasiFunctions {
  let fill: Fill | null = null;
  return {
    random_get: (pointer: number, length: number) => {
      const target = memory.bytes(pointer, length);
      host.chargeBytes(target.length);
      fill ??= request.mode === 'real' ? randomFillSync : keystreamOf(request.randomSeedBase64);
      for (let start = 0; start < target.length; start += ZEROS.length) {
        fill(target.subarray(start, start + ZEROS.length));
      }
    },
  };
}

/** The AES-256-CTR keystream under SHA-256 of the seed: unguessable for who does not know the seed, yet repeatable. */
function keystreamOf(seedBase64: string): Fill {
  const key = createHash('sha256').update(Buffer.from(seedBase64, 'base64')).digest();
  const keystream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return (part) => part.set(keystream.update(ZEROS.subarray(0, part.length)));
}
