import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CastDocument } from '../../support/gql/graphql.js';
import { startHarness } from '../../support/harness.js';
import { assemble } from '../../support/packages.js';
import { runCast } from './run-cast.js';

const PIECE = '{},'.repeat(20_000);
const PIECES = 870;

/** Writes 50 MiB of small objects, as one JSON array. */
const MANY_OBJECTS = assemble(`(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\\00\\04\\00\\00\\60\\ea\\00\\00") (data (i32.const 32) "\\64\\00\\00\\00\\01\\00\\00\\00")
  (data (i32.const 40) "\\68\\00\\00\\00\\03\\00\\00\\00") (data (i32.const 100) "[") (data (i32.const 104) "{}]")
  (data (i32.const 1024) "${PIECE}")
  (func (export "_start") (local i32)
    (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 16)))
    (loop
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const ${PIECES}))))
    (drop (call $write (i32.const 1) (i32.const 40) (i32.const 1) (i32.const 16)))))`);

describe('cast: JSON that takes long', async () => {
  const { seed } = await startHarness();
  const maker = await seed.account(['publish']);

  it('as output, 50 MiB of small objects: SUCCEEDED in its first attempt', async () => {
    const { client } = await seed.account(['cast']);
    const runtime = { max_output_mb: 50, timeout_ms: 30_000 };
    const spell = await seed.spell(maker, { wasm: MANY_OBJECTS, input: 'text', output: 'json', runtime });
    const cast = await runCast(client, { spell, input: '' });
    assert.deepEqual([cast.status, cast.error, cast.attempts], ['SUCCEEDED', null, 1]);
    assert.equal(cast.artifact?.sizeBytes, String(PIECES * PIECE.length + 4));
  });

  it('as input with more arrays and objects than are taken: BAD_USER_INPUT', async () => {
    const { client } = await seed.account(['cast']);
    const spell = await seed.spell(maker, { guest: 'echo', input: 'json' });
    const response = await client.fetch('/v1/cast', {
      method: 'POST',
      body: `{"spell_name":"${spell}","payload":[${'{},'.repeat(1_000_000)}{}]}`,
    });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /more than 1000000 arrays and objects/);
  });

  it('to check against the schema: RATE_LIMITED soon, and other accounts go on', async (test) => {
    const slow = await seed.spell(maker, { guest: 'echo', input: 'json', schema: { pattern: '^(a+)+$' } });
    const [one, other] = [await seed.account(['cast']), await seed.account(['cast'])];
    const input = { spell: slow, input: `${'a'.repeat(40)}!` };
    const startedMs = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => one.client.refusal(CastDocument, { input })),
    );
    const codes = answers.map(({ extensions }) => extensions.code);
    test.diagnostic(`40 answers in ${Math.round(performance.now() - startedMs)} ms`);
    const count = (code: string) => codes.filter((one) => one === code).length;
    assert.ok(count('BAD_USER_INPUT') >= 1, codes.join());
    assert.ok(count('RATE_LIMITED') >= 30, codes.join());
    assert.equal(count('BAD_USER_INPUT') + count('RATE_LIMITED'), 40);
    assert.equal((await runCast(other.client, { spell: slow, input: 'aaa' })).status, 'SUCCEEDED');
  });
});
