import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { runCast } from '../operations/cast/run-cast.js';
import { startHarness } from '../support/harness.js';
import { findFault, read, receiptFile, trustedKeys } from './support.js';

const METERED = { model: 'metered', price_usd: '0.001', usd_per_gigafuel: '2' };

describe('a receipt file that was changed', async () => {
  const harness = await startHarness();
  const keys = trustedKeys(harness);
  const { client } = await harness.seed.account(['cast', 'publish']);
  const maker = await harness.seed.account(['publish']);
  const spell = await harness.seed.spell(maker, { guest: 'echo', pricing: METERED });
  const [first] = [
    await runCast(client, { spell, input: 'one' }),
    await runCast(client, { spell, input: 'two' }),
  ];
  const file = await receiptFile(client, first.id);
  const receipt = read(file);
  const isRefused = (changed: Buffer): boolean => findFault(changed, keys) !== null;

  it('holds before it is changed', () => assert.equal(findFault(file, keys), null));

  it('every changed byte is refused', () => {
    const copy = Buffer.from(file);
    for (let at = 0; at < copy.length; at += 1)
      // The lowest bit, which makes of most digits and letters another one, and every other difference in turn.
      for (const difference of [0x01, 1 + (at % 255)]) {
        copy[at] = (file[at] as number) ^ difference;
        assert.ok(isRefused(copy), `${difference} at byte ${at} near ${near(file, at)}`);
        copy[at] = file[at] as number;
      }
  });

  it('every byte taken out, and every cut, is refused', () => {
    for (let at = 0; at < file.length; at += 1) {
      assert.ok(isRefused(Buffer.concat([file.subarray(0, at), file.subarray(at + 1)])), near(file, at));
      assert.ok(isRefused(file.subarray(0, at)), `cut at ${at}`);
    }
  });

  it('every byte put in is refused, but for white space between tokens, which means nothing', () => {
    let spaces = 0;
    for (let at = 0; at <= file.length; at += 1)
      for (const byte of Buffer.from(' 0')) {
        const changed = Buffer.concat([file.subarray(0, at), Buffer.of(byte), file.subarray(at)]);
        if (isRefused(changed)) continue;
        assert.equal(byte, 0x20, `${String.fromCharCode(byte)} at ${at} near ${near(file, at)}`);
        assert.ok(isDeepStrictEqual(JSON.parse(changed.toString()), JSON.parse(file.toString())));
        spaces += 1;
      }
    assert.ok(spaces > 0);
  });

  it('what two readers could read differently is refused: members twice, numbers in another form', () => {
    const text = file.toString();
    for (const [from, to] of [
      ['{"content":', '{"version":2,"content":'],
      ['{"content":', '{"content":{},"content":'],
      ['"costMicros":', '"costMicros":"0","costMicros":'],
      ['"exitCode":0', '"exitCode":-0'],
      ['"exitCode":0', '"exitCode":0.0'],
      ['"attempts":1', '"attempts":1e0'],
      ['"attempts":1', '"attempts":1,"__proto__":{}'],
      ['{"content":', '{"__proto__":{},"content":'],
    ] as const) {
      assert.ok(text.includes(from));
      assert.equal(findFault(Buffer.from(text.replace(from, to)), keys)?.name, 'schema', to);
    }
    for (const bytes of [
      Buffer.concat([Buffer.from('\ufeff'), file]),
      Buffer.from(text, 'latin1'),
      Buffer.alloc(300_000, 32),
    ])
      assert.equal(findFault(bytes, keys)?.name, 'schema');
  });

  it('every member taken out, every member added is refused', () => {
    let tried = 0;
    const walk = (
      value: unknown,
      edit: (change: (object: Record<string, unknown>) => void) => Buffer,
    ): void => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
      assert.equal(
        findFault(
          edit((object) => (object['more'] = 1)),
          keys,
        )?.name,
        'schema',
      );
      for (const [name, inner] of Object.entries(value)) {
        tried += 1;
        assert.equal(
          findFault(
            edit((object) => delete object[name]),
            keys,
          )?.name,
          'schema',
          name,
        );
        walk(inner, (change) => edit((object) => change(object[name] as Record<string, unknown>)));
      }
    };
    walk(receipt, (change) => {
      const copy = structuredClone(receipt) as unknown as Record<string, unknown>;
      change(copy);
      return Buffer.from(JSON.stringify(copy));
    });
    assert.ok(tried > 60, `${tried}`);
  });
});

function near(bytes: Buffer, at: number): string {
  return bytes.subarray(Math.max(0, at - 30), at + 30).toString();
}
