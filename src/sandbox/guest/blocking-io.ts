import { readSync, writevSync } from 'node:fs';

/** The two pipes the pool gives every sandbox process. */
const REQUEST_DESCRIPTOR = 3;
const ANSWER_DESCRIPTOR = 4;

/** A retry after EAGAIN waits this long: the pipes block, so it happens only if somebody changes their mode. */
const RETRY_MS = 1;

const sleepCell = new Int32Array(new SharedArrayBuffer(4));

export function sleepMs(milliseconds: number): void {
  if (milliseconds > 0) Atomics.wait(sleepCell, 0, 0, milliseconds);
}

/** A small request is read whole by one system call. */
const READ_AHEAD_BYTES = 64 * 1024;
const ahead = Buffer.allocUnsafeSlow(READ_AHEAD_BYTES);
let aheadStart = 0;
let aheadEnd = 0;

/** Reads exactly `length` bytes, or returns null when the pool has closed the pipe. */
export function readExactly(length: number): Buffer | null {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = takeAhead(bytes);
  while (filled < length) {
    const rest = bytes.subarray(filled);
    const count = rest.length < READ_AHEAD_BYTES ? readAhead(rest) : read(rest);
    if (count === 0) return null;
    filled += count;
  }
  return bytes;
}

function readAhead(bytes: Buffer): number {
  aheadStart = 0;
  aheadEnd = read(ahead);
  return takeAhead(bytes);
}

function takeAhead(bytes: Buffer): number {
  const count = ahead.copy(bytes, 0, aheadStart, aheadEnd);
  aheadStart += count;
  return count;
}

function read(bytes: Buffer): number {
  return again(() => readSync(REQUEST_DESCRIPTOR, bytes, 0, bytes.length, null));
}

/** Writes all pieces, in one system call whenever the pipe takes them. */
export function writeAll(pieces: Uint8Array[]): void {
  let left = pieces;
  while (left.length > 0) {
    const written = again(() => writevSync(ANSWER_DESCRIPTOR, left));
    left = without(left, written);
  }
}

function without(pieces: Uint8Array[], written: number): Uint8Array[] {
  let skip = written;
  const left: Uint8Array[] = [];
  for (const piece of pieces) {
    if (skip < piece.length) left.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return left;
}

function again(operation: () => number): number {
  for (;;) {
    try {
      return operation();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EAGAIN' && code !== 'EINTR') throw error;
      sleepMs(RETRY_MS);
    }
  }
}
