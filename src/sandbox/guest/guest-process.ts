/**
 * The program of a sandbox process: one synchronous loop that reads a request, runs it and answers. It never
 * returns to the event loop, so the pool ends a run by killing the process.
 */
import { setPriority } from 'node:os';
import { NICENESS } from '../sandbox-limits.js';
import type { CastRequest, FinishedMessage } from '../wire/messages.js';
import { REQUEST_PREFIX_BYTES } from '../wire/encode-request.js';
import { sendFinished, sendReady } from './answers.js';
import { readExactly } from './blocking-io.js';
import { DeadMemory } from './dead-memory.js';
import { GuestMemories } from './guest-memories.js';
import { HeldArtifacts, PoolGone, readBulk } from './held-artifacts.js';
import { mountTrees } from './mount-trees.js';
import { runGuest } from './run-guest.js';

// Guests wait for the platform, never the platform for guests: what they do is long, what it does for them is short.
try {
  setPriority(NICENESS);
} catch {
  // Where the system forbids it, they run like everybody else.
}

const held = new HeldArtifacts();
const memories = new GuestMemories();
const deadMemory = new DeadMemory();

function serve(): void {
  sendReady({ pid: process.pid });
  for (let request = readRequest(); request !== null; request = readRequest()) {
    const report = answer(request);
    sendFinished(report);
    // While nobody waits.
    deadMemory.add(memories.wipe());
  }
}

function readRequest(): CastRequest | null {
  const prefix = readExactly(REQUEST_PREFIX_BYTES);
  const header = prefix && readExactly(prefix.readUInt32LE());
  return header && (JSON.parse(header.toString()) as CastRequest);
}

/** Nothing a request holds may end the process: what fails here is answered as lost. */
function answer(request: CastRequest): FinishedMessage {
  const bulk = readBulk(request);
  held.forget(request);
  try {
    const module = held.module(request.moduleDigest, bulk.module);
    const resources = held.resources(request.resourcesDigest, bulk.resources);
    const trees = mountTrees(bulk.trees, BigInt(request.clockStartNs));
    return runGuest({ request, memories, module, resources, trees, input: bulk.input });
  } catch (error) {
    const verdict = { kind: 'lost', message: String(error) } as const;
    return { verdict, fuelUsed: null, memoryPeakBytes: 0, durationMs: 0 };
  }
}

try {
  serve();
} catch (error) {
  const code = (error as NodeJS.ErrnoException).code;
  // A pool that went away is how this process normally ends; anything else belongs on stderr.
  if (!(error instanceof PoolGone) && code !== 'EPIPE') throw error;
}
