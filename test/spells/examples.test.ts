import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../src/platform/index.js';
import { watchOn } from '../support/client.js';
import { CancelCastDocument, CastDocument, PublishSpellDocument } from '../support/gql/graphql.js';
import { startHarness } from '../support/harness.js';
import { runCast } from '../operations/cast/run-cast.js';

interface Picture {
  width: number;
  height: number;
}

// It brings no types of its own.
const { PNG } = createRequire(import.meta.url)('pngjs') as {
  PNG: { sync: { read(bytes: Buffer): Picture } };
};
const FOLDER = fileURLToPath(new URL('../../../spells', import.meta.url));
// The promise is one second, which `make demo` and the benchmark show; a loaded machine must not fail a test.
const STOPS_WITHIN_MS = 5_000;

describe('the example spells', async () => {
  const { seed } = await startHarness();
  const maker = await seed.account(['publish']);
  const { client } = await seed.account(['cast']);
  const entries = await readdir(FOLDER, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const keyOf = (name: string) => `com.spellplatform.${name}`;

  it('ok: there are the four that the README names', () => {
    assert.deepEqual(names.sort(), ['endless', 'primes', 'resize', 'word-count']);
  });

  for (const name of names) {
    it(`ok: ${name} is published as it is committed; only the missing signature is remarked on`, async () => {
      const bytes = await readFile(join(FOLDER, name, `${name}.spell.tar`));
      const input = { packageBase64: bytes.toString('base64') };
      const { publishSpell } = await maker.client.get(PublishSpellDocument, { input });
      assert.equal(publishSpell.version.spell.key, keyOf(name));
      assert.deepEqual(publishSpell.warnings, ['the package is not signed']);
      const module = await readFile(join(FOLDER, name, 'spell.wasm'));
      assert.equal(
        publishSpell.version.moduleDigest,
        sha256(module),
        'the package holds the module that lies beside it',
      );
    });
  }

  it('ok: resize makes a picture 320 wide, and tells its progress while it works', async () => {
    const sample = await readFile(join(FOLDER, 'resize', 'sample.png'));
    const before = PNG.sync.read(sample);
    const { cast } = await client.get(CastDocument, {
      input: { spell: keyOf('resize'), inputBase64: sample.toString('base64') },
    });
    const { id, heldMicros } = cast.cast;
    assert.equal(heldMicros, '200');
    const socket = client.openSocket();
    const logs: { text: string; seenMs: number }[] = [];
    let outputBase64 = '';
    let costMicros: unknown = null;
    let endedMs = 0;
    for await (const event of watchOn(socket, id)) {
      if (event.__typename === 'CastLog') logs.push({ text: event.text ?? '', seenMs: performance.now() });
      if (event.__typename !== 'CastFinished') continue;
      assert.equal(event.cast.status, 'SUCCEEDED', JSON.stringify(event.cast.error));
      outputBase64 = event.cast.outputBase64 ?? '';
      costMicros = event.cast.costMicros;
      endedMs = performance.now();
    }
    await socket.dispose();
    const after = PNG.sync.read(Buffer.from(outputBase64, 'base64'));
    assert.equal(after.width, 320);
    assert.ok(
      Math.abs(after.height - (before.height * 320) / before.width) <= 1,
      `${after.height} keeps the ratio`,
    );
    assert.equal(costMicros, '200');
    const text = logs.map((log) => log.text).join('');
    for (let percent = 10; percent <= 100; percent += 10)
      assert.match(text, new RegExp(`resizing ${percent} %`));
    assert.ok(logs.length >= 3, 'progress comes in pieces');
    const aheadMs = endedMs - (logs[0]?.seenMs ?? endedMs);
    assert.ok(aheadMs > 0, `the first progress came only ${Math.round(aheadMs)} ms before the end`);
  });

  it('ok: resize tells what is wrong with a picture that is none', async () => {
    const cast = await runCast(client, {
      spell: keyOf('resize'),
      inputBase64: Buffer.from('no picture').toString('base64'),
    });
    assert.equal(cast.error?.code, 'EXIT_NONZERO');
    assert.match(cast.error?.message ?? '', /2/);
    assert.equal(cast.costMicros, '0');
  });

  it('ok: primes prints them all, for the same fuel each time, at the price of that fuel', async () => {
    const input = { spell: keyOf('primes'), input: { limit: 100_000 } };
    const [cast, again] = await Promise.all([runCast(client, input), runCast(client, input)]);
    assert.equal(cast.status, 'SUCCEEDED', JSON.stringify(cast.error));
    const primes = String(cast.output).trim().split('\n').map(Number);
    assert.deepEqual(primes, sieve(100_000));
    assert.equal(cast.fuelUsed, again.fuelUsed);
    const fuel = BigInt(cast.fuelUsed ?? '0');
    assert.equal(cast.costMicros, (10n + (fuel * 2_000n + 999_999_999n) / 1_000_000_000n).toString());
  });

  it('bad input: primes refuses what its schema refuses', async () => {
    for (const value of [{ limit: 1 }, { limit: 5_000_001 }, { limit: 'many' }, {}, 7]) {
      const error = await client.refusal(CastDocument, { input: { spell: keyOf('primes'), input: value } });
      assert.equal(error.extensions.code, 'BAD_USER_INPUT', JSON.stringify(value));
    }
  });

  it('ok: word-count counts', async () => {
    const cast = await runCast(client, { spell: keyOf('word-count'), input: 'the cat and the dog' });
    assert.deepEqual(cast.output, {
      lines: 1,
      words: 5,
      characters: 19,
      top: [
        { word: 'the', count: 2 },
        { word: 'and', count: 1 },
        { word: 'cat', count: 1 },
        { word: 'dog', count: 1 },
      ],
    });
  });

  it('ok: endless is canceled within a second', async (test) => {
    const { cast } = await client.get(CastDocument, { input: { spell: keyOf('endless'), input: '' } });
    const { id } = cast.cast;
    const socket = client.openSocket();
    for await (const event of watchOn(socket, id)) if (event.__typename === 'CastLog') break;
    await socket.dispose();
    const startedMs = performance.now();
    const { cancelCast } = await client.get(CancelCastDocument, { input: { id } });
    const elapsedMs = performance.now() - startedMs;
    test.diagnostic(`canceled in ${Math.round(elapsedMs)} ms`);
    assert.equal(cancelCast.cast.status, 'CANCELED');
    assert.ok(elapsedMs < STOPS_WITHIN_MS, `it took ${Math.round(elapsedMs)} ms`);
  });
});

function sieve(limit: number): number[] {
  const isComposite = new Uint8Array(limit + 1);
  const primes: number[] = [];
  for (let number = 2; number <= limit; number++) {
    if (isComposite[number] === 1) continue;
    primes.push(number);
    for (let multiple = number * number; multiple <= limit; multiple += number) isComposite[multiple] = 1;
  }
  return primes;
}
