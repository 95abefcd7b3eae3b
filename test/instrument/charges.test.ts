import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assemble, fuelOf, start } from './support.js';

// Every expected number is counted by hand: one for each simple instruction, nothing for block, loop, else and end.
const fuel = (body: string, ...parameters: number[]): number =>
  fuelOf(start(assemble(`(memory (export "memory") 1) ${body}`)), 'run', ...parameters);

describe('a path is charged once', () => {
  it('in straight code', () => {
    assert.equal(fuel('(func (export "run") i32.const 1 i32.const 2 i32.add drop)'), 4);
  });

  it('by the class of each instruction', () => {
    assert.equal(fuel('(func (export "run") i32.const 9 i32.const 2 i32.div_s drop)'), 3 + 4);
    assert.equal(fuel('(func (export "run") (drop (v128.not (v128.const i32x4 1 2 3 4))))'), 1 + 2 + 2);
  });

  it('in the arm that is taken', () => {
    const body = `(func (export "run") (param i32)
      local.get 0 if nop nop else nop nop nop nop nop end nop)`;
    assert.equal(fuel(body, 1), 2 + 2 + 1);
    assert.equal(fuel(body, 0), 2 + 5 + 1);
  });

  it('around an arm that is not taken', () => {
    const body = '(func (export "run") (param i32) local.get 0 if nop nop end nop)';
    assert.equal(fuel(body, 1), 5);
    assert.equal(fuel(body, 0), 3);
  });

  it('when one arm leaves the function', () => {
    const body = `(func (export "run") (param i32)
      block local.get 0 if nop return else nop nop end nop end nop)`;
    assert.equal(fuel(body, 1), 2 + 2);
    assert.equal(fuel(body, 0), 2 + 2 + 1 + 1);
  });

  it('behind a conditional branch', () => {
    const body = '(func (export "run") (param i32) block local.get 0 br_if 0 nop nop end nop)';
    assert.equal(fuel(body, 1), 3);
    assert.equal(fuel(body, 0), 5);
  });

  it('past several ends at once', () => {
    const body = `(func (export "run") (param i32)
      block block local.get 0 br_if 1 nop end nop nop end nop nop nop)`;
    assert.equal(fuel(body, 1), 2 + 3);
    assert.equal(fuel(body, 0), 2 + 1 + 2 + 3);
  });

  it('in every round of a loop that repeats at its end', () => {
    const body = `(func (export "run") (param i32)
      nop loop local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end nop)`;
    assert.equal(fuel(body, 1), 2 + 5);
    assert.equal(fuel(body, 7), 2 + 35);
  });

  it('in every round of a loop that is left at its head', () => {
    const body = `(func (export "run") (param i32)
      nop block loop local.get 0 i32.eqz br_if 1 local.get 0 i32.const 1 i32.sub local.set 0 br 0 end end nop)`;
    assert.equal(fuel(body, 0), 2 + 3);
    assert.equal(fuel(body, 7), 2 + 7 * 8 + 3);
  });

  it('in a loop with several ways back', () => {
    const body = `(func (export "run") (param i32) (local i32)
      loop $again
        local.get 0 i32.eqz if return end
        local.get 0 i32.const 1 i32.sub local.tee 0
        i32.const 1 i32.and
        if nop br $again else nop nop nop br $again end
      end)`;
    const round = 3 + 4 + 3;
    assert.equal(fuel(body, 0), 3 + 1);
    assert.equal(fuel(body, 1), round + 4 + 3 + 1);
    assert.equal(fuel(body, 2), 2 * round + 2 + 4 + 3 + 1);
  });

  it('in nested loops', () => {
    const body = `(func (export "run") (param i32) (local i32)
      loop $outer
        i32.const 3 local.set 1
        loop $inner local.get 1 i32.const 1 i32.sub local.tee 1 br_if $inner end
        local.get 0 i32.const 1 i32.sub local.tee 0 br_if $outer
      end)`;
    assert.equal(fuel(body, 4), 4 * (2 + 3 * 5 + 5));
  });

  it('at each target of a branch table', () => {
    const body = `(func (export "run") (param i32)
      block block block local.get 0 br_table 0 1 2 end nop nop nop end nop nop end nop)`;
    assert.equal(fuel(body, 0), 1 + 3 + 3 + 2 + 1);
    assert.equal(fuel(body, 1), 1 + 3 + 2 + 1);
    assert.equal(fuel(body, 2), 1 + 3 + 1);
    assert.equal(fuel(body, 99), 1 + 3 + 1);
  });

  it('around unreachable code', () => {
    const body = '(func (export "run") block nop br 0 nop nop loop nop br 0 end if nop else nop end end nop)';
    assert.equal(fuel(body), 3);
  });

  it('before and behind a call', () => {
    const body = '(func $callee nop nop) (func (export "run") nop call $callee nop)';
    assert.equal(fuel(body), 2 + 5 + 2);
  });

  it('in a function, whoever calls it and how', () => {
    const body = (exported: string): string => `(type $t (func (param i32))) (table funcref (elem $both))
      (func $both ${exported} (param i32) local.get 0 if nop nop else nop end nop)
      (func $named (param i32) local.get 0 if nop nop else nop end nop)
      (func (export "by-name") (param i32) local.get 0 call $named)
      (func (export "by-name-too") (param i32) local.get 0 call $both)
      (func (export "by-table") (param i32) local.get 0 i32.const 0 call_indirect (type $t))`;
    for (const exported of ['', '(export "from-outside")']) {
      const guest = assemble(body(exported));
      for (const [value, inside] of [
        [0, 2 + 1 + 1],
        [1, 2 + 2 + 1],
      ] as const) {
        assert.equal(fuelOf(start(guest), 'by-name', value), 1 + 5 + inside);
        assert.equal(fuelOf(start(guest), 'by-name-too', value), 1 + 5 + inside);
        assert.equal(fuelOf(start(guest), 'by-table', value), 2 + 8 + inside);
        if (exported !== '') assert.equal(fuelOf(start(guest), 'from-outside', value), inside);
      }
    }
  });

  it('in a recursion', () => {
    const body = `(func $fib (param i32) (result i32)
        block local.get 0 i32.const 2 i32.ge_s br_if 0 local.get 0 return end
        local.get 0 i32.const 1 i32.sub call $fib local.get 0 i32.const 2 i32.sub call $fib i32.add)
      (func (export "run") (param i32) local.get 0 call $fib drop)`;
    const inside = (n: number): number => (n < 2 ? 4 + 2 : 4 + 17 + inside(n - 1) + inside(n - 2));
    for (const n of [0, 1, 2, 3, 11]) assert.equal(fuel(body, n), 1 + 5 + inside(n) + 1);
  });

  it('behind a block that one conditional branch leads past', () => {
    const body = `(func (export "run") (param i32)
      block block local.get 0 br_if 0 nop nop nop br 1 end nop end nop)`;
    assert.equal(fuel(body, 0), 2 + 3 + 1 + 1);
    assert.equal(fuel(body, 1), 2 + 1 + 1);
  });

  it('by the locals that a function clears', () => {
    const body = `(func (export "run") (local ${'i32 '.repeat(17)}) nop)`;
    assert.equal(fuel(body), 2 + 1);
  });
});

describe('exceptions', () => {
  const tagged = (body: string): string => `(tag $e (param i32)) ${body}`;

  it('charge the handler when it runs, and what follows once', () => {
    const body = tagged(`(func (export "run") (param i32)
      try local.get 0 if i32.const 1 throw $e end nop nop catch $e drop catch_all nop end nop)`);
    assert.equal(fuel(body, 0), 2 + 2 + 1);
    assert.equal(fuel(body, 1), 2 + 2001 + 1 + 1);
  });

  it('keep what the callee has taken before it threw, in a loop and from a body that never ends', () => {
    const body = tagged(`
      (func $thrower nop nop nop i32.const 1 throw $e)
      (func (export "run") (param i32)
        loop
          try call $thrower unreachable catch_all nop end
          local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0
        end)`);
    assert.equal(fuel(body, 3), 3 * (5 + 3 + 2001 + 1 + 1 + 5));
  });

  it('keep what the callee has taken before it threw', () => {
    const body = tagged(`
      (func $thrower nop nop nop i32.const 1 throw $e)
      (func (export "run") try call $thrower catch_all nop nop end)`);
    assert.equal(fuel(body), 5 + 3 + 2001 + 2);
  });
});

describe('work by length', () => {
  const lengths = [0, 1, 8, 1000, 65_536];

  for (const length of lengths) {
    it(`charges ${length} bytes of fill, copy and init`, () => {
      const operands = '(i32.const 0) (i32.const 0) (local.get 0)';
      const cost = 3 + 32 + Math.floor(length / 8);
      assert.equal(fuel(`(func (export "run") (param i32) (memory.fill ${operands}))`, length), cost);
      assert.equal(fuel(`(func (export "run") (param i32) (memory.copy ${operands}))`, length), cost);
      const data = `(data $d "${'x'.repeat(65_536)}")`;
      assert.equal(
        fuel(`${data} (func (export "run") (param i32) (memory.init $d ${operands}))`, length),
        cost,
      );
    });
  }

  it('charges elements of tables', () => {
    const table = '(table $t 10 funcref)';
    const operands = '(i32.const 0) (i32.const 0) (i32.const 5)';
    assert.equal(fuel(`${table} (func (export "run") (table.copy $t $t ${operands}))`), 3 + 64 + 5 * 32);
    const fill = '(table.fill $t (i32.const 0) (ref.null func) (i32.const 5))';
    assert.equal(fuel(`${table} (func (export "run") ${fill})`), 3 + 64 + 5 * 32);
    const grow = '(drop (table.grow $t (ref.null func) (i32.const 5)))';
    assert.equal(fuel(`${table} (func (export "run") ${grow})`), 3 + 500 + 5 * 64);
    const init = `(elem $s func $f $f) (func $f) (func (export "run") (table.init $t $s (i32.const 0) (i32.const 0) (i32.const 2)))`;
    assert.equal(fuel(`${table} ${init}`), 3 + 64 + 2 * 32);
  });

  it('charges the pages asked for, also when there are none to have', () => {
    const body = '(func (export "run") (param i32) (drop (memory.grow (local.get 0))))';
    assert.equal(fuel(body, 2), 2 + 20_000 + 2 * 8192);
    assert.equal(fuel(body, 1000), 2 + 20_000 + 1000 * 8192);
  });

  it('takes lengths as unsigned', () => {
    const body = '(func (export "run") (param i32) (drop (memory.grow (local.get 0))))';
    assert.equal(fuel(body, -1), 2 + 20_000 + (2 ** 32 - 1) * 8192);
  });
});
