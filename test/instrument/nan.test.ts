import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { assemble, prepared } from './support.js';

// Quiet and signaling NaNs of both signs with and without a payload, and numbers of which some instruction makes one.
const F64 = ['0x7ff8000000000000', '0xfff8000000000000', '0x7ff8000000000123', '0xfff8000000000456'];
F64.push('0x7ff0000000000001', '0x7ff0000000000000', '0xfff0000000000000', '0x3ff0000000000000', '0x0');
const F32 = ['0x7fc00000', '0xffc00000', '0x7fc00123', '0xffa00001', '0x7f800000', '0x3f800000', '0x0'];
const BINARY = ['add', 'sub', 'mul', 'div', 'min', 'max'];
const UNARY = ['sqrt', 'ceil', 'floor', 'trunc', 'nearest'];

interface Case {
  name: string;
  /** An expression of type i64; `$x` and `$y` are its parameters. */
  bits: string;
  arguments: [string, string];
}

/** Every instruction on every pair of values, as parameters and as constants that the optimiser may work with. */
function casesOf(type: 'f32' | 'f64', values: readonly string[]): Case[] {
  const integer = type === 'f64' ? 'i64' : 'i32';
  const parameter = (name: string) =>
    type === 'f64' ? `(local.get ${name})` : `(i32.wrap_i64 (local.get ${name}))`;
  const widen = (bits: string) => (type === 'f64' ? bits : `(i64.extend_i32_u ${bits})`);
  const see = (value: string) => widen(`(${integer}.reinterpret_${type} ${value})`);
  const float = (bits: string) => `(${type}.reinterpret_${integer} ${bits})`;
  const constant = (value: string) => float(`(${integer}.const ${value})`);
  const cases: Case[] = [];
  const add = (name: string, bits: string, x: string, y: string) =>
    cases.push({ name: `${name} ${x} ${y}`, bits, arguments: [x, y] });
  for (const x of values) {
    for (const name of UNARY) {
      add(`${type}.${name}`, see(`(${type}.${name} ${float(parameter('$x'))})`), x, '0');
      add(`${type}.${name} constant`, see(`(${type}.${name} ${constant(x)})`), x, '0');
    }
    for (const y of values)
      for (const name of BINARY) {
        const operator = `${type}.${name}`;
        add(operator, see(`(${operator} ${float(parameter('$x'))} ${float(parameter('$y'))})`), x, y);
        add(`${operator} constants`, see(`(${operator} ${constant(x)} ${constant(y)})`), x, y);
        add(
          `${operator} first constant`,
          see(`(${operator} ${constant(x)} ${float(parameter('$y'))})`),
          x,
          y,
        );
        const shape = type === 'f64' ? 'f64x2' : 'f32x4';
        const lanes = type === 'f64' ? 'i64x2' : 'i32x4';
        const splat = (name: string) => `(${lanes}.splat ${parameter(name)})`;
        const vector = `(${shape}.${name} ${splat('$x')} ${splat('$y')})`;
        add(`${shape}.${name}`, widen(`(${lanes}.extract_lane 1 ${vector})`), x, y);
      }
  }
  return cases;
}

const conversions = F64.map((x): Case => ({
  name: `f32.demote_f64 ${x}`,
  bits: `(i64.extend_i32_u (i32.reinterpret_f32 (f32.demote_f64 (f64.reinterpret_i64 (local.get $x)))))`,
  arguments: [x, '0'],
}));
const CASES = [...casesOf('f64', F64), ...casesOf('f32', F32), ...conversions];
const CANONICAL = new Set(['7ff8000000000000', '7fc00000']);

/** The bits of every case, in the order of the cases, by a process of its own under V8's flags. */
const PROGRAM = `
  const [path, calls] = JSON.parse(process.argv[1]);
  const module = new WebAssembly.Module(require('node:fs').readFileSync(path));
  const { exports } = new WebAssembly.Instance(module);
  if (exports.spell_fuel) exports.spell_fuel.value = 10n ** 15n;
  const see = ([x, y], index) => BigInt.asUintN(64, exports['f' + index](BigInt(x), BigInt(y))).toString(16);
  console.log(JSON.stringify(calls.map(see)));`;

describe('the bits of a NaN', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nan-'));
  after(() => rm(folder, { recursive: true }));
  const body = CASES.map(
    ({ bits }, index) => `(func (export "f${index}") (param $x i64) (param $y i64) (result i64) ${bits})`,
  ).join('\n');
  const bytes = assemble(body);
  const run = async (module: Uint8Array, ...flags: string[]): Promise<string[]> => {
    const path = join(folder, 'module.wasm');
    await writeFile(path, module);
    const calls = JSON.stringify([path, CASES.map(({ arguments: values }) => values)]);
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, '-e', PROGRAM, calls], {
      maxBuffer: 2 ** 24,
    });
    return JSON.parse(stdout) as string[];
  };

  it('are the same by the baseline compiler and by the optimiser', async (test) => {
    const { bytes: metered } = prepared(bytes);
    const baseline = await run(metered, '--liftoff-only');
    const optimised = await run(metered, '--no-liftoff');
    const differing = CASES.filter((_, index) => baseline[index] !== optimised[index]);
    assert.deepEqual(
      differing.map(({ name }) => name),
      [],
    );
    const plain = [await run(bytes, '--liftoff-only'), await run(bytes, '--no-liftoff')] as const;
    const different = plain[0].filter((bits, index) => bits !== plain[1][index]).length;
    test.diagnostic(`${different} of ${CASES.length} differ without it`);
  });

  it('are the canonical ones, and numbers stay what they are', async () => {
    const metered = await run(prepared(bytes).bytes);
    const plain = await run(bytes);
    for (const [index, bits] of metered.entries())
      if (bits !== plain[index]) assert.ok(CANONICAL.has(bits), `${CASES[index]?.name}: ${bits}`);
  });

  it('that only move are kept', async () => {
    const moved = `(memory 1) (func (export "f0") (param $x i64) (param $y i64) (result i64)
      (f64.store (i32.const 0) (f64.neg (f64.neg (f64.abs (f64.reinterpret_i64 (local.get $x))))))
      (i64.reinterpret_f64 (f64.copysign (f64.load (i32.const 0)) (f64.reinterpret_i64 (local.get $y)))))`;
    const { bytes: metered } = prepared(assemble(moved));
    const memory = { initial: 1, maximum: 1 };
    const instance = new WebAssembly.Instance(await WebAssembly.compile(Uint8Array.from(metered)), {
      spell: { memory: new WebAssembly.Memory(memory) },
    });
    const { f0, spell_fuel: fuel } = instance.exports as {
      f0: CallableFunction;
      spell_fuel: WebAssembly.Global;
    };
    fuel.value = 1_000n;
    const bits = BigInt.asUintN(64, f0(0xfff8000000000456n, 0n) as bigint);
    assert.equal(bits.toString(16), '7ff8000000000456');
  });
});
