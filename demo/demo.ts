import { readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import { readConfig } from '../src/config.js';
import { startLocal, type LocalApp } from '../src/local-app.js';
import { DemoClient } from './demo-client.js';
import { exceedBudget } from './exceed-budget.js';
import { LineReader } from './line-reader.js';
import { proveCast } from './prove-cast.js';
import { check, say } from './tell.js';

/**
 * The main job end to end on this machine, told as it happens: services, publish, cast, watch, cancel, a budget that is
 * too small, and a receipt that is verified and replayed without the server. Every line is printed after the step has been checked; anything else ends with exit code 1.
 */
const DATA_DIR = '.spell/demo';
const PICTURE = '.spell/demo-resized.png';
const SPELLS = fileURLToPath(new URL('../../spells/', import.meta.url));
const SAMPLE = `${SPELLS}resize/sample.png`;
const CANCEL_WITHIN_MS = 1_000;
// The first casts of a fresh process run code that the engine has not compiled yet.
const WARM_UP_CASTS = 40;
const TIMED_CASTS = 30;

// Exiting, not dying, tells the databases to end too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
await rm(DATA_DIR, { recursive: true, force: true });
let local: LocalApp | null = null;
try {
  say('starting PostgreSQL, Redis, the API and a worker, all on this machine');
  local = await startLocal(
    readConfig({ PORT: '0', SPELL_DATA_DIR: DATA_DIR, SPELL_LOG_LEVEL: 'error', PATH: process.env['PATH'] }),
    {
      say: (line) => say(`  ${line}`),
      publishesExamples: false,
    },
  );
  say(`  GraphQL     ${local.url}/graphql`);
  const client = new DemoClient(local.url, local.apiKey);
  await publishAll(client);
  const resized = await resizePicture(client);
  await cancelEndless(client);
  await timeTrivialCasts(client);
  await exceedBudget(client, await readFile(SAMPLE));
  const files = { input: SAMPLE, output: PICTURE, package: `${SPELLS}resize/resize.spell.tar` };
  await proveCast(client, { id: resized, ...files }, `${DATA_DIR}/ledger.vkey`);
  await client.close();
  say('done: every step above really happened');
} catch (error) {
  say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await local?.stop();
  await rm(DATA_DIR, { recursive: true, force: true });
}

async function publishAll(client: DemoClient): Promise<void> {
  say('publishing three spells');
  for (const name of ['resize', 'word-count', 'endless']) {
    const tar = await readFile(`${SPELLS}${name}/${name}.spell.tar`);
    const version = await client.publish(tar);
    check(version.key === `com.spellplatform.${name}`, `${name} is published under its own key`);
    say(`  ${version.key}@${version.version}  ${tar.length} bytes  ${version.packageDigest.slice(0, 19)}…`);
  }
}

/** The id of the cast. */
async function resizePicture(client: DemoClient): Promise<string> {
  const picture = await readFile(SAMPLE);
  const before = PNG.sync.read(picture);
  say(
    `casting resize on a picture of ${before.width}×${before.height} (${picture.length} bytes), watching it live`,
  );
  const id = await client.cast({
    spell: 'com.spellplatform.resize',
    inputBase64: picture.toString('base64'),
  });
  const output: Buffer[] = [];
  const progress = new LineReader((line) => say(`  progress  ${line}`));
  for await (const event of client.watch(id)) {
    if (event.__typename === 'CastQueued') say(`  queued    ${id}`);
    if (event.__typename === 'CastStarted') say(`  started   attempt ${event.attempt}`);
    if (event.__typename === 'CastLog') progress.take(event.text ?? '');
    if (event.__typename === 'CastOutput') output.push(Buffer.from(event.base64 ?? '', 'base64'));
    if (event.__typename === 'CastFinished') {
      const { status, fuelUsed, costMicros, durationMs } = event.cast ?? {};
      check(status === 'SUCCEEDED', `the cast succeeds (${String(status)})`);
      say(`  finished  ${status} in ${durationMs} ms, ${fuelUsed} fuel, ${costMicros} micros`);
    }
  }
  check(progress.pieces > 1, 'progress arrives in more than one piece');
  const after = PNG.sync.read(Buffer.concat(output));
  check(after.width === 320, `the picture is 320 wide (${after.width})`);
  await writeFile(PICTURE, Buffer.concat(output));
  say(`  written   ${PICTURE}  ${after.width}×${after.height}, ${Buffer.concat(output).length} bytes`);
  return id;
}

async function cancelEndless(client: DemoClient): Promise<void> {
  say('casting endless, a loop that never ends, and canceling it');
  const id = await client.cast({ spell: 'com.spellplatform.endless', input: '' });
  let canceledAtMs = 0;
  for await (const event of client.watch(id)) {
    if (event.__typename === 'CastLog') {
      say(`  guest     ${(event.text ?? '').trim()}`);
      canceledAtMs = performance.now();
      void client.cancel(id);
    }
    if (event.__typename === 'CastFinished') {
      const tookMs = performance.now() - canceledAtMs;
      check(event.cast?.status === 'CANCELED', `the cast is canceled (${String(event.cast?.status)})`);
      check(tookMs < CANCEL_WITHIN_MS, `within a second (${tookMs.toFixed(0)} ms)`);
      say(`  finished  CANCELED ${tookMs.toFixed(0)} ms after the request`);
    }
  }
  check(canceledAtMs > 0, 'the loop was running before it was canceled');
}

async function timeTrivialCasts(client: DemoClient): Promise<void> {
  say(
    `casting word-count ${TIMED_CASTS} times, one after the other, from mutation sent to final event received, after ${WARM_UP_CASTS} to warm up`,
  );
  const tookMs: number[] = [];
  for (let i = -WARM_UP_CASTS; i < TIMED_CASTS; i++) {
    const sentMs = performance.now();
    const id = await client.cast({ spell: 'com.spellplatform.word-count', input: 'to be or not to be' });
    let status: string | undefined;
    for await (const event of client.watch(id)) status = event.cast?.status ?? status;
    check(status === 'SUCCEEDED', 'each succeeds');
    if (i >= 0) tookMs.push(performance.now() - sentMs);
  }
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  say(`  p50 ${at(0.5)} ms   p90 ${at(0.9)} ms   slowest ${at(1)} ms`);
}
