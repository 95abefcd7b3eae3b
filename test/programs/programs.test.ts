import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { sha256 } from '../../src/platform/index.js';
import { waitForEnd } from '../operations/cast/run-cast.js';
import type { ApiClient } from '../support/client.js';
import {
  CastDocument,
  PublishSpellDocument,
  type CastInput,
  type CastPartsFragment,
} from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { buildPackage } from '../support/packages.js';
import { PROGRAMS, type Program } from './programs.js';
import { runUnmetered } from './run-unmetered.js';

const MAX_FUEL = 10_000_000_000;

describe('programs from npm, unchanged', async () => {
  const { seed } = await startHarness({ environment: { SPELL_SANDBOXES: '1' } });
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const folders: string[] = [];
  after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

  for (const program of PROGRAMS) {
    it(`ok: ${program.name} writes what it writes without metering`, async (test) => {
      const key = `com.example.${program.name.toLowerCase()}-${randomBytes(4).toString('hex')}`;
      const folder = await mkdtemp(join(tmpdir(), 'spell-program-'));
      folders.push(folder);
      const plain = await runUnmetered(program, key, folder);
      assert.match(plain.output, program.output);
      assert.equal(plain.exitCode, 0, plain.log);
      const publishMs = await publish(maker.client, program, key);
      const first = await castAndLog(client, { spell: key, input: program.input });
      const { cast } = first;
      assert.equal(cast.status, 'SUCCEEDED', JSON.stringify(cast.error));
      assert.equal(cast.output, plain.output);
      assert.equal(first.log, plain.log);
      const again = await castAndLog(client, { spell: key, input: program.input });
      assert.deepEqual([again.cast.outputDigest, again.log], [cast.outputDigest, first.log]);
      assert.equal(again.cast.fuelUsed, cast.fuelUsed);
      test.diagnostic(
        `${program.wasm.length / 1e6} MB: published in ${Math.round(publishMs)} ms; ${cast.fuelUsed} fuel, ` +
          `${cast.memoryPeakBytes} bytes of memory; first run ${cast.durationMs} ms, next ${again.cast.durationMs} ms, ` +
          `without metering ${Math.round(plain.durationMs)} ms (start of Node and compilation included)`,
      );
      await assertMindsEmptyInput(client, program, key);
    });
  }
});

async function publish(maker: ApiClient, program: Program, key: string): Promise<number> {
  const { wasm, license, parts, args, env, memoryMb, resources } = program;
  const bytes = await buildPackage({
    key,
    wasm,
    license,
    parts,
    ...(resources === undefined ? {} : { resources }),
    runtime: {
      args,
      max_memory_mb: memoryMb,
      max_fuel: MAX_FUEL,
      timeout_ms: 120_000,
      policy: { fs_read: resources === undefined ? [] : ['/resources'], env_vars: env },
    },
  });
  const startMs = performance.now();
  const digest = sha256(bytes);
  const uploaded = await maker.fetch(`/v1/uploads/${digest}`, {
    method: 'PUT',
    body: bytes as BodyInit,
    headers: { 'content-type': 'application/octet-stream' },
  });
  assert.equal(uploaded.status, 201);
  const { publishSpell } = await maker.get(PublishSpellDocument, { input: { uploadDigest: digest } });
  assert.equal(publishSpell.version.moduleDigest, sha256(wasm), 'it is published as its makers ship it');
  return performance.now() - startMs;
}

async function castAndLog(
  client: ApiClient,
  input: CastInput,
): Promise<{ cast: CastPartsFragment; log: string }> {
  const { cast } = await client.get(CastDocument, { input });
  const events = await client.watch(cast.cast.id);
  const log = events.flatMap((event) => (event.__typename === 'CastLog' ? [event.text ?? ''] : [])).join('');
  return { cast: await waitForEnd(client, cast.cast.id), log };
}

/** A program's own failure comes through: its exit code, and what it says on stderr. */
async function assertMindsEmptyInput(client: ApiClient, { emptyInput }: Program, key: string): Promise<void> {
  if (emptyInput === undefined) return;
  const { cast, log } = await castAndLog(client, { spell: key, input: '' });
  assert.equal(cast.error?.code, 'EXIT_NONZERO');
  assert.match(cast.error.message, new RegExp(`code ${emptyInput.exitCode}\\b`));
  assert.equal(log, emptyInput.log);
}
