import { createCipheriv, createHash, type Cipheriv } from 'node:crypto';
import { MAX_CHUNK_BYTES } from '../sandbox-limits.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

const ZEROS = new Uint8Array(MAX_CHUNK_BYTES);

/** Random bytes are the AES-256-CTR keystream under SHA-256 of the seed: unguessable, yet repeatable. */
export function randomFunctions({ request, host, memory }: WasiContext): WasiFunctions {
  let keystream: Cipheriv | null = null;
  return {
    random_get: (pointer: number, length: number) => {
      const target = memory.bytes(pointer, length);
      host.chargeBytes(target.length);
      keystream ??= openKeystream(Buffer.from(request.randomSeedBase64, 'base64'));
      for (let start = 0; start < target.length; start += ZEROS.length) {
        const part = target.subarray(start, start + ZEROS.length);
        part.set(keystream.update(ZEROS.subarray(0, part.length)));
      }
    },
  };
}

function openKeystream(seed: Uint8Array): Cipheriv {
  return createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16));
}
