import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeCostTable, rewriteModule } from '../../src/sandbox/instrument/index.js';
import { splitSections } from '../../src/sandbox/instrument/sections.js';
import { assemble, engine, original, prepared, reasons, start } from './support.js';

interface Described {
  imports(module: object): { module: string; name: string; kind: string }[];
  exports(module: object): { name: string; kind: string }[];
}
const described = engine.Module as unknown as Described;

/** The module with a custom section behind it. */
function withCustom(bytes: Uint8Array, name: string, content = 'x'): Uint8Array {
  const payload = Buffer.from(`${String.fromCharCode(name.length)}${name}${content}`, 'latin1');
  return Buffer.concat([bytes, Buffer.from([0, payload.length]), payload]);
}

const settings = (bytes: Uint8Array): object => {
  const [content] = engine.Module.customSections(new engine.Module(bytes), 'spell.prepared');
  return JSON.parse(Buffer.from(content as ArrayBuffer).toString()) as object;
};

describe('the memory', () => {
  const bytes = assemble('(memory (export "memory") 2) (data (i32.const 0) "abc")');

  it('is imported, with the largest maximum when none was declared', () => {
    const module = new engine.Module(prepared(bytes).bytes);
    assert.deepEqual(described.imports(module), [{ module: 'spell', name: 'memory', kind: 'memory' }]);
    for (const maximum of [2, 100, 65_536]) {
      assert.doesNotThrow(
        () => new engine.Instance(module, { spell: { memory: new engine.Memory({ initial: 2, maximum }) } }),
      );
    }
    const unbounded = new engine.Memory({ initial: 2 });
    assert.throws(() => new engine.Instance(module, { spell: { memory: unbounded } }), /maximum/);
  });

  it('keeps its declared maximum', () => {
    const result = prepared(assemble('(memory (export "memory") 1 5)'));
    assert.equal(result.maximumPages, 5);
    const module = new engine.Module(result.bytes);
    const memory = (maximum: number): object => ({
      spell: { memory: new engine.Memory({ initial: 1, maximum }) },
    });
    assert.throws(() => new engine.Instance(module, memory(6)), /maximum/);
    assert.doesNotThrow(() => new engine.Instance(module, memory(5)));
  });

  it('is filled and exported as before', () => {
    const memory = start(bytes)['memory'] as unknown as { buffer: ArrayBuffer };
    assert.equal(Buffer.from(memory.buffer).toString('latin1', 0, 3), 'abc');
  });

  it('that could not grow is remembered', () => {
    const body =
      '(memory (export "memory") 1) (func (export "run") (param i32) (result i32) (memory.grow (local.get 0)))';
    const guest = start(assemble(body), undefined, {}, 3);
    assert.equal(guest['run']?.(2), 1);
    assert.equal(guest.spell_grow_failed.value, 0);
    assert.equal(guest['run']?.(1), -1);
    assert.equal(guest.spell_grow_failed.value, 1);
  });

  it('may be missing', () => {
    assert.deepEqual(settings(prepared(assemble('')).bytes), {
      costTable: 1,
      initialPages: 0,
      maximumPages: null,
      tableBytes: 0,
      hasMemory: false,
      hasStart: false,
    });
  });
});

describe('the start function', () => {
  it('runs when the host calls it', () => {
    const bytes =
      assemble(`(global $g (mut i32) (i32.const 0)) (start $init) (func $init i32.const 7 global.set $g)
      (func (export "run") (result i32) global.get $g)`);
    const guest = start(bytes);
    assert.equal(guest['run']?.(), 0);
    guest['spell_start']?.();
    assert.equal(guest['run']?.(), 7);
    assert.deepEqual(settings(prepared(bytes).bytes), {
      costTable: 1,
      initialPages: 0,
      maximumPages: null,
      tableBytes: 0,
      hasMemory: false,
      hasStart: true,
    });
  });
});

describe('what is kept and dropped', () => {
  const base = assemble('(memory (export "memory") 1) (func $named (export "run") nop)');
  const names = (bytes: Uint8Array): string[] =>
    splitSections(bytes)
      .map(({ name }) => name)
      .filter((name) => name !== '');

  for (const name of [
    '.debug_info',
    'sourceMappingURL',
    'external_debug_info',
    'metadata.code.branch_hint',
    'reloc.CODE',
    'linking',
  ]) {
    it(`drops ${name}`, () =>
      assert.deepEqual(names(prepared(withCustom(base, name)).bytes), ['spell.prepared']));
  }

  it('keeps producers bit for bit', () => {
    const result = prepared(withCustom(base, 'producers', '\x01\x02\x03'));
    assert.deepEqual(names(result.bytes), ['producers', 'spell.prepared']);
    assert.deepEqual(
      splitSections(result.bytes).find(({ name }) => name === 'producers')?.bytes,
      Uint8Array.of(1, 2, 3),
    );
  });

  it('refuses sections that are the platform’s', () => {
    assert.match(
      reasons(rewriteModule(withCustom(base, 'spell.prepared'))).join(),
      /"spell\.prepared" is reserved/,
    );
  });

  it('keeps every export', () => {
    const module = new engine.Module(prepared(base).bytes);
    assert.deepEqual(
      described.exports(module).map(({ name }) => name),
      [
        ...['memory', 'run', '_start'],
        ...['spell_fuel', 'spell_grow_failed', 'spell_stack', 'spell_report_at', 'spell_report'],
      ],
    );
  });
});

describe('tables', () => {
  it('share the elements that all may grow to together', () => {
    const body = `(table $a 1 funcref) (table $b 2 20 funcref) (func (export "a") (param i32) (result i32)
        (table.grow $a (ref.null func) (local.get 0)))
      (func (export "b") (param i32) (result i32) (table.grow $b (ref.null func) (local.get 0)))`;
    const guest = start(assemble(body));
    assert.equal(guest['a']?.(500_000), -1);
    assert.equal(guest['a']?.(499_999), 1);
    assert.equal(guest['b']?.(19), -1);
    assert.equal(guest['b']?.(18), 2);
    assert.equal(original(assemble(body))['a']?.(500_000), 1);
  });
});

it('is the same for the same bytes, and leaves them alone', () => {
  const bytes = assemble('(memory (export "memory") 1) (func (export "run") loop br 0 end)');
  const copy = Uint8Array.from(bytes);
  assert.deepEqual(prepared(bytes), prepared(bytes));
  assert.deepEqual(bytes, copy);
});

it('has a cost table that can be read', () => {
  const page = describeCostTable();
  assert.match(page, /# The fuel table, version 1/);
  assert.match(page, /\| division \| 4 \|/);
  assert.match(page, /\| memoryGrow \| 20000 \| \+ 8192 per page \|/);
  assert.match(page, /\*\*division\*\*: `i32\.div_s`/);
  assert.doesNotMatch(page, /undefined|relaxed/);
});
