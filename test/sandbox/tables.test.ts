import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rewriteModule, SandboxPool } from '../../src/sandbox/index.js';
import { assemble } from '../support/packages.js';
import { cast, failureCode } from './fixtures.js';

const MIB = 1024 * 1024;

const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 1000 });
before(() => pool.start());
after(() => pool.stop());

function prepared(body: string): { module: Buffer; tableBytes: number } {
  const result = rewriteModule(assemble(`(module ${body})`));
  assert.ok(result.ok, JSON.stringify(result));
  return { module: Buffer.from(result.bytes), tableBytes: result.tableBytes };
}

const growMemory = (pages: number): string =>
  `(if (i32.eq (memory.grow (i32.const ${pages})) (i32.const -1)) (then unreachable))`;
const growTable = (elements: number): string =>
  `(if (i32.eq (table.grow 0 (ref.null func) (i32.const ${elements})) (i32.const -1)) (then unreachable))`;

test('what tables may come to is taken from the memory of the run', async () => {
  const { module, tableBytes } = prepared(`(memory 1) (table 0 funcref)
    (func (export "_start") ${growTable(900_000)} ${growMemory(512)})`);
  assert.equal(tableBytes, 24_000_000);
  const codeWithin = async (maxMemoryBytes: number): Promise<string> =>
    failureCode(await cast(pool, module, { limits: { maxMemoryBytes } }));
  assert.equal(await codeWithin(24_000_000 + 514 * 65_536), 'succeeded');
  assert.equal(await codeWithin(24_000_000 + 512 * 65_536), 'MEMORY_EXCEEDED');
  assert.equal(await codeWithin(23 * MIB), 'MEMORY_EXCEEDED');
});

test('a table that no instruction grows counts what it begins with', async () => {
  const { module, tableBytes } = prepared(`(memory 1) (table 1000 funcref)
    (func (export "_start") ${growMemory(14)})`);
  assert.equal(tableBytes, 24_000);
  const done = await cast(pool, module, { limits: { maxMemoryBytes: 16 * 65_536 } });
  assert.equal(done.kind, 'succeeded');
});

test('a table that asks for less counts less', () => {
  const { tableBytes } = prepared(`(table 2 10 funcref) (func (export "_start") ${growTable(1)})`);
  assert.equal(tableBytes, 240);
});

test('a guest without memory, whose tables alone are too large, never runs', async () => {
  const { module } = prepared('(table 100000 funcref) (func (export "_start"))');
  const done = await cast(pool, module, { limits: { maxMemoryBytes: MIB } });
  assert.equal(failureCode(done), 'MEMORY_EXCEEDED');
  assert.match(
    done.kind === 'failed' ? done.message : '',
    /tables may take 2400000 bytes; 1048576 are allowed/,
  );
});

test('a guest that gives up because a table could not grow has exceeded its memory', async () => {
  const { module } = prepared(`(table 0 funcref) (func (export "_start") ${growTable(1_000_001)})`);
  const done = await cast(pool, module, { limits: { maxMemoryBytes: 64 * MIB } });
  assert.equal(failureCode(done), 'MEMORY_EXCEEDED');
});
