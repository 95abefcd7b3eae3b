import { setImmediate } from 'node:timers/promises';
import { JsonScanner } from '../platform/index.js';

// Deeper than any sensible document, and far from where writing it as JSON again would overflow the stack.
export const JSON_DEPTH_MAX = 256;
// What takes time and memory is not bytes but arrays and objects: 8 MiB can hold 2.8 million of them, this many take 0.2 s.
const CONTAINERS_MAX = 1_000_000;
// Scanned in about 5 ms; then whoever else waits for the thread has a turn, first of all those who renew leases.
const SCAN_BYTES = 256 * 1024;

/** Why the bytes are not one JSON value that we would take, or null. */
export async function findJsonProblem(bytes: Buffer): Promise<string | null> {
  const scanner = new JsonScanner(JSON_DEPTH_MAX);
  for (let at = 0; at < bytes.length; at += SCAN_BYTES) {
    if (at > 0) await setImmediate();
    scanner.push(bytes.subarray(at, at + SCAN_BYTES));
  }
  return scanner.end();
}

/** Why a value that was parsed already is more than we would take, or null. */
export function findSizeProblem(value: unknown): string | null {
  let containers = 0;
  const isDeep = (item: unknown, depthLeft: number): boolean => {
    if (typeof item !== 'object' || item === null) return false;
    containers += 1;
    if (depthLeft === 0) return true;
    if (containers > CONTAINERS_MAX) return false;
    if (Array.isArray(item)) return item.some((child) => isDeep(child, depthLeft - 1));
    for (const key in item) if (isDeep((item as Record<string, unknown>)[key], depthLeft - 1)) return true;
    return false;
  };
  if (isDeep(value, JSON_DEPTH_MAX)) return `is nested more than ${JSON_DEPTH_MAX} levels deep`;
  return containers > CONTAINERS_MAX ? `has more than ${CONTAINERS_MAX} arrays and objects` : null;
}
