import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SandboxOutcome } from '../../src/sandbox/index.js';
import { buildRequest } from '../../src/sandbox/pool/build-request.js';
import { Isolation } from '../../src/sandbox/pool/isolation.js';
import { ProcessCast } from '../../src/sandbox/pool/process-cast.js';
import { SandboxProcess } from '../../src/sandbox/pool/sandbox-process.js';
import { FrameType } from '../../src/sandbox/wire/messages.js';

const LIAR = fileURLToPath(new URL('./lying-guest.js', import.meta.url));
const isolation = await Isolation.find(process.execPath, LIAR);

const { started, fuel, finished } = FrameType;
const report = {
  verdict: { kind: 'succeeded' },
  fuelUsed: '1',
  memoryPeakBytes: 65_536,
  durationMs: 1,
};

async function tell(frames: [number, unknown][]): Promise<{ outcome: SandboxOutcome; isAlive: boolean }> {
  const guest = new SandboxProcess(2 ** 28, isolation, LIAR);
  await guest.untilReady();
  const run = {
    moduleDigest: 'sha256:any',
    loadModule: () => Promise.resolve(new Uint8Array(0)),
    input: Buffer.from(JSON.stringify(frames)),
    args: [],
    env: {},
    limits: { timeoutMs: 5_000, maxMemoryBytes: 65_536, maxOutputBytes: 10, maxLogBytes: 10, maxFuel: 10n },
    onOutput: () => undefined,
    onLog: () => undefined,
  };
  const request = buildRequest(run, guest, { module: null, resources: null }, false);
  const outcome = await new ProcessCast(run, guest).perform(request, null);
  const { isAlive } = guest;
  guest.kill();
  await guest.exited;
  return { outcome, isAlive };
}

test('an honest report is taken', async () => {
  const { outcome, isAlive } = await tell([
    [started, { memoryBytes: 65_536 }],
    [finished, report],
  ]);
  assert.deepEqual([outcome.kind, outcome.fuelUsed, isAlive], ['succeeded', 1n, true]);
});

const LIES: Record<string, [number, unknown][]> = {
  'a start whose memory is no number': [[started, { memoryBytes: '1' }]],
  'a start that is null': [[started, null]],
  'fuel that is no number': [[fuel, { fuelUsed: 'much' }]],
  'a report whose memory is no number': [[finished, { ...report, memoryPeakBytes: 'x' }]],
  'a report whose time is no number': [[finished, { ...report, durationMs: null }]],
  'a report whose fuel is no number': [[finished, { ...report, fuelUsed: {} }]],
  'a frame of an unknown type': [[99, {}]],
};
for (const [lie, frames] of Object.entries(LIES)) {
  test(`${lie}: the run is lost and the process with it`, async () => {
    const { outcome, isAlive } = await tell(frames);
    assert.deepEqual([outcome.kind, isAlive], ['lost', false]);
  });
}
