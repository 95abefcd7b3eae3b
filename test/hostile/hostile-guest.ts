import { assemble } from '../support/packages.js';
import { WASI_PARAMETERS } from '../sandbox/fixtures.js';

/** A module that wants to do harm, what it may use, and how its cast must end. */
export interface HostileGuest {
  name: string;
  wasm: () => Uint8Array;
  runtime?: Record<string, unknown>;
  resources?: Record<string, string>;
  input?: string;
  /** "SUCCEEDED", "CANCELED", or the error code of a failed cast; several where both are right. */
  ends: readonly string[];
  /** What its message must say. */
  message?: RegExp;
  /** Looks at what a cast that succeeded has written. */
  check?: (output: Buffer) => void;
  /** Is canceled once it has said something on stderr. */
  isCanceled?: true;
}

/** One that publishing refuses, and the reason it is given. */
export interface RefusedModule {
  name: string;
  wasm: () => Uint8Array;
  runtime?: Record<string, unknown>;
  reason: RegExp;
}

/** Long enough to start on a busy machine, short enough for a table of endless loops. */
export const SHORT_MS = 300;

/** Fuel that outlives every deadline here. */
export const ENDLESS_FUEL = 9_000_000_000_000_000;

/** Runs until the deadline. */
export const UNTIL_DEADLINE = {
  runtime: { timeout_ms: SHORT_MS, max_fuel: ENDLESS_FUEL, max_output_mb: 50 },
  ends: ['DEADLINE_EXCEEDED'],
} as const;

interface Choices {
  pages?: number;
  /** In pages; none means as many as the limit allows. */
  maximum?: number;
}

/** A command with these functions of WASI, two pages of memory, and what the text adds. */
export function command(wasi: readonly string[], body: string, choices: Choices = {}): Uint8Array {
  const imports = wasi.map((name) => {
    const types = [...(WASI_PARAMETERS[name] ?? '')].map((letter) => (letter === 'I' ? 'i64' : 'i32'));
    const result = name === 'proc_exit' ? '' : '(result i32)';
    return `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param ${types.join(' ')}) ${result}))`;
  });
  const { pages = 2, maximum = '' } = choices;
  const memory = `(memory (export "memory") ${pages} ${maximum})`;
  return assemble(`(module ${imports.join('\n')} ${memory} ${body})`);
}

/** A command of which only the body of `_start` is given. */
export function start(wasi: readonly string[], body: string, choices: Choices = {}): Uint8Array {
  return command(wasi, `(func (export "_start") ${body})`, choices);
}

/** Writes memory[at, at + length) to a descriptor, with an iovec at 16. */
export function writeText(descriptor: number, at: number, length: number): string {
  return `(i32.store (i32.const 16) (i32.const ${at})) (i32.store (i32.const 20) (i32.const ${length}))
    (drop (call $fd_write (i32.const ${descriptor}) (i32.const 16) (i32.const 1) (i32.const 24)))`;
}

/** Does it for ever. */
export function forever(body: string): string {
  return `(loop $forever ${body} (br $forever))`;
}
