import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareModule, rewriteModule } from '../../src/sandbox/instrument/index.js';
import { assemble, reasons } from './support.js';

describe('prepareModule', () => {
  it('answers what rewriteModule answers', async () => {
    const good = assemble('(memory (export "memory") 1 9) (func (export "run") loop br 0 end)');
    const bad = assemble('(import "env" "one" (func)) (import "env" "two" (func))');
    assert.deepEqual(await prepareModule(good), rewriteModule(good));
    assert.deepEqual(await prepareModule(bad), rewriteModule(bad));
  });

  it('needs no process to refuse what is no module', async () => {
    assert.match(
      reasons(await prepareModule(new Uint8Array(9), { deadlineMs: 0 })).join(),
      /not a WebAssembly binary/,
    );
  });

  it('gives up at its deadline', async () => {
    const large = assemble(`(func (export "run") ${'(drop (i32.const 1))'.repeat(200_000)})`);
    const started = performance.now();
    const result = await prepareModule(large, { deadlineMs: 30 });
    assert.match(
      reasons(result).join(),
      /^spell\.wasm: the module could not be analysed within 30 ms, 2 s of CPU time/,
    );
    assert.ok(performance.now() - started < 10_000);
  });

  it('refuses what becomes too large for the engine by the counting code', () => {
    const branches = assemble(
      `(func (export "run") (param i32) block ${'local.get 0 br_if 0 '.repeat(800_000)} end)`,
    );
    assert.match(
      reasons(rewriteModule(branches)).join(),
      /too large for the engine with the counting code in it|places where counting code goes/,
    );
  });

  it('handles many at once', async () => {
    const bytes = assemble('(func (export "run") nop)');
    const results = await Promise.all(Array.from({ length: 4 }, () => prepareModule(bytes)));
    assert.ok(results.every(({ ok }) => ok));
  });
});
