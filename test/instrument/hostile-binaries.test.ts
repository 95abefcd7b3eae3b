import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareModule } from '../../src/sandbox/instrument/index.js';
import { buildModule, functionBody, leb, OP, repeated } from '../hostile/module-bytes.js';
import { reasons } from './support.js';

const IF = 0x04;
const ELSE = 0x05;
const EMPTY = 0x40;
const MEMORY_GROW = 0x40;
const NONE = Buffer.alloc(0);
const MOST_LOCALS = 49_000;

const one = (locals: number, ...parts: Buffer[]): Buffer =>
  buildModule({ functions: [functionBody(Buffer.concat(parts), locals)] });
const chosen = [OP.i32Const, 0];
const blocks = (depth: number): Buffer => repeated([OP.block, EMPTY], depth);
const ends = (depth: number): Buffer => repeated([OP.end], depth);

/** Each is valid and would take gigabytes or many seconds. */
const BOMBS: Record<string, { make: () => Buffer; reason: RegExp }> = {
  'two million blocks in each other': {
    make: () => one(0, blocks(2_000_000), ends(2_000_000)),
    reason: /constructs nested in each other/,
  },
  'a million loops in each other': {
    make: () =>
      one(0, repeated([OP.loop, EMPTY], 1_000_000), repeated([...chosen, OP.brIf, 0, OP.end], 1_000_000)),
    reason: /constructs nested in each other/,
  },
  'a million choices in each other': {
    make: () => one(0, repeated([...chosen, IF, EMPTY], 1_000_000), ends(1_000_000)),
    reason: /constructs nested in each other/,
  },
  'a million choices in a row': {
    make: () => one(0, repeated([...chosen, IF, EMPTY, ELSE, OP.end], 1_200_000)),
    reason: /places where counting code goes/,
  },
  'two million loops that know many locals': {
    make: () => one(MOST_LOCALS, repeated([OP.loop, EMPTY, OP.end], 2_000_000)),
    reason: /49000 locals and so many branches/,
  },
  'a million branches out of deep blocks': {
    make: () =>
      one(0, blocks(20_000), repeated([...chosen, OP.brIf, ...leb(19_999)], 1_000_000), ends(20_000)),
    reason: /places where counting code goes/,
  },
  'more than a million times growing the memory': {
    make: () => one(0, repeated([...chosen, MEMORY_GROW, 0, OP.drop], 1_500_000)),
    reason: /places where counting code goes/,
  },
  'many locals in each of many functions': {
    make: () =>
      buildModule({ functions: Array.from({ length: 30_000 }, () => functionBody(NONE, MOST_LOCALS)) }),
    reason: /declares more than \d+ locals/,
  },
  'nine hundred thousand functions': {
    make: () => buildModule({ functions: Array.from({ length: 900_000 }, () => functionBody(NONE)) }),
    reason: /has 900000 functions of at most/,
  },
};

describe('what is made to be slow is refused by name', () => {
  for (const [name, { make, reason }] of Object.entries(BOMBS)) {
    it(name, async () => {
      assert.match(reasons(await prepareModule(make())).join(), reason);
    });
  }
});

describe('what is only large is taken', () => {
  it('tens of thousands of functions that call each other in a ring', async () => {
    const count = 50_000;
    const functions = Array.from({ length: count }, (_, index) =>
      functionBody(Buffer.from([OP.call, ...leb((index + 1) % count)])),
    );
    assert.deepEqual(reasons(await prepareModule(buildModule({ functions }))), []);
  });

  it('blocks in each other for a switch of ten thousand cases', async () => {
    assert.deepEqual(reasons(await prepareModule(one(0, blocks(10_000), ends(10_000)))), []);
  });
});
