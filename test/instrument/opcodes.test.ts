import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { it } from 'node:test';
import { allOpcodes } from '../../src/sandbox/instrument/opcodes.js';

interface Parser {
  OperatorCodeNames: (string | undefined)[];
}
const { OperatorCodeNames } = createRequire(import.meta.url)('wasmparser') as Parser;

/** wasmparser numbers vector instructions from 0xfd000 and all other prefixed ones from prefix × 256. */
const numberThere = (prefix: number, code: number): number =>
  prefix === 0xfd ? 0xfd000 + code : prefix === 0 ? code : prefix * 256 + code;

// wasmparser has some names from earlier drafts: i16x8.load8x8_s for v128.load8x8_s, ref.test for both of its kinds.
const plain = (name: string): string =>
  name
    .replace(/^\w+\.(load\d+x\d+_[su])$/, 'v128.$1')
    .replace(/^v(\d+)x\d+\.load_splat$/, 'v128.load$1_splat')
    .replace('_popcnt', '.popcnt')
    .replace(/^ref\.(test|cast)_null$/, 'ref.$1');

// Given up by its proposal; no engine has it.
const ABANDONED = ['let'];

it('the opcode table agrees with an independent one', () => {
  const different: string[] = [];
  for (const [prefix, code, { name, refusal }] of allOpcodes()) {
    if (refusal !== undefined) continue;
    const there = OperatorCodeNames[numberThere(prefix, code)] ?? 'nothing';
    if (plain(there) !== plain(name))
      different.push(`0x${prefix.toString(16)} 0x${code.toString(16)} ${name} / ${there}`);
  }
  assert.deepEqual(different, []);
});

it('knows every opcode that the other knows', () => {
  const known = new Set(allOpcodes().map(([prefix, code]) => numberThere(prefix, code)));
  const missing = OperatorCodeNames.flatMap((name, number) =>
    name !== undefined && !known.has(number) ? [name] : [],
  );
  assert.deepEqual(missing, ABANDONED);
});
