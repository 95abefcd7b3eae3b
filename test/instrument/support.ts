import { createRequire } from 'node:module';
import { tableFunction } from '../../src/sandbox/guest/table-function.js';
import { rewriteModule, type PreparedModule } from '../../src/sandbox/instrument/index.js';

// TypeScript describes WebAssembly only together with browsers; this is the part the tests use.
export type GuestFunction = (...parameters: (number | bigint)[]) => number | bigint | undefined;
export type GuestExports = Record<string, GuestFunction> & {
  spell_fuel: { value: bigint };
  spell_grow_failed: { value: number };
  spell_stack: { value: number };
  spell_report_at: { value: bigint };
  spell_report: { set(index: number, value: unknown): void };
};
interface Engine {
  validate(bytes: Uint8Array): boolean;
  Module: (new (bytes: Uint8Array) => object) & {
    customSections(module: object, name: string): ArrayBuffer[];
  };
  Instance: new (module: object, imports: object) => { exports: GuestExports };
  Memory: new (limits: { initial: number; maximum?: number }) => {
    buffer: ArrayBuffer;
    grow(pages: number): number;
  };
  RuntimeError: new () => Error;
}
export const engine = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;

interface Wabt {
  parseWat(
    name: string,
    text: string,
    features: object,
  ): { toBinary(options: object): { buffer: Uint8Array } };
}
const require = createRequire(import.meta.url);
const wabt = await (require('wabt') as () => Promise<Wabt>)();

const FEATURES = {
  bulk_memory: true,
  exceptions: true,
  extended_const: true,
  function_references: true,
  gc: true,
  memory64: true,
  multi_memory: true,
  multi_value: true,
  mutable_globals: true,
  reference_types: true,
  relaxed_simd: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  tail_call: true,
  threads: true,
};

/** Assembles the text of a module; `_start` is added unless the text has one. */
export function assemble(fields: string): Uint8Array {
  const start = fields.includes('_start') ? '' : '(func (export "_start"))';
  return wabt.parseWat('guest.wat', `(module ${fields} ${start})`, FEATURES).toBinary({}).buffer;
}

export function prepared(bytes: Uint8Array): Extract<PreparedModule, { ok: true }> {
  const result = rewriteModule(bytes);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

export function reasons(result: PreparedModule): string[] {
  return result.ok ? [] : result.problems.map(({ path, reason }) => `${path}: ${reason}`);
}

export const PLENTY = 2n ** 52n;
export const STACK_BYTES = 2 ** 19;

/** Nobody listens, and the mark stays at zero: a loop asks when its fuel has ended. */
export const NO_REPORT = tableFunction(() => undefined);

/** An instance of the prepared module with fuel, its memory given by the host as the platform does it. */
export function start(bytes: Uint8Array, fuel = PLENTY, imports: object = {}, maximum = 100): GuestExports {
  const module = prepared(bytes);
  const memory = new engine.Memory({ initial: module.initialPages, maximum: module.maximumPages ?? maximum });
  const { exports } = new engine.Instance(new engine.Module(module.bytes), { ...imports, spell: { memory } });
  exports.spell_fuel.value = fuel;
  exports.spell_stack.value = STACK_BYTES;
  exports.spell_report.set(0, NO_REPORT);
  return exports;
}

export function original(bytes: Uint8Array, imports: object = {}): GuestExports {
  return new engine.Instance(new engine.Module(bytes), imports).exports;
}

/** The fuel that one call takes. */
export function fuelOf(exports: GuestExports, name: string, ...parameters: (number | bigint)[]): number {
  exports.spell_fuel.value = PLENTY;
  exports[name]?.(...parameters);
  return Number(PLENTY - exports.spell_fuel.value);
}

/** What a call comes to: its result, or the kind of trap. */
export function outcome(call: () => unknown): string {
  try {
    return String(call());
  } catch (error) {
    return error instanceof Error ? `${error.constructor.name}: ${error.message}` : 'exception';
  }
}
