import { WASM_PAGE_BYTES } from '../sandbox-limits.js';
import {
  Wasm,
  type WasmGlobal,
  type WasmImports,
  type WasmMemory,
  type WasmModule,
  type WasmTable,
} from '../webassembly.js';
import type { GuestMemories } from './guest-memories.js';
import { PreparedName, type PreparedInfo } from './prepared-module.js';

/** A fresh instance of a prepared module, with what the host holds of it. */
export interface GuestInstance {
  counters: GuestCounters;
  growFailed(): boolean;
  /** Its calls went deeper than its limit. */
  stackExhausted(): boolean;
  /** The guest's start function and `_start`, in the order they must run. */
  entries: (() => unknown)[];
}

/** What the host and the counting code share. */
export interface GuestCounters {
  /** What is left; below zero the guest traps. */
  fuel: WasmGlobal<bigint>;
  /** A loop reports when less than this is left. */
  reportAt: WasmGlobal<bigint>;
  /** Its element 0 is what a loop calls to report. */
  report: WasmTable;
}

/** The module asks for something this host does not give to guests. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/** The module wants more memory at once than its limit. */
export class InitialMemoryError extends Error {
  override readonly name = 'InitialMemoryError';
}

/**
 * The limit is the memory's own maximum: V8 itself refuses to grow past it. What the tables may come to, which is
 * written into the module, is taken from it first.
 */
export function createMemory(
  memories: GuestMemories,
  prepared: PreparedInfo,
  maxMemoryBytes: number,
): WasmMemory | null {
  const { tableBytes = 0 } = prepared;
  if (tableBytes > maxMemoryBytes) {
    throw new InitialMemoryError(
      `The module's tables may take ${tableBytes} bytes; ${maxMemoryBytes} are allowed.`,
    );
  }
  if (!prepared.hasMemory) return null;
  const allowed = Math.floor((maxMemoryBytes - tableBytes) / WASM_PAGE_BYTES);
  if (prepared.initialPages > allowed) {
    throw new InitialMemoryError(
      `The module starts with ${prepared.initialPages} pages; ${allowed} are allowed.`,
    );
  }
  const maximum = Math.min(allowed, prepared.maximumPages ?? allowed);
  return memories.take(prepared.initialPages, maximum);
}

/** The module itself declares that its memory does not grow so far. */
export function isOwnLimit({ maximumPages, tableBytes = 0 }: PreparedInfo, maxMemoryBytes: number): boolean {
  return maximumPages !== null && maximumPages * WASM_PAGE_BYTES + tableBytes <= maxMemoryBytes;
}

export function instantiate(
  module: WasmModule,
  imports: WasmImports,
  prepared: PreparedInfo,
  maxStackBytes: number,
): GuestInstance {
  const { exports } = new Wasm.Instance(module, imports);
  const counters = {
    fuel: globalNamed<bigint>(exports, PreparedName.fuel),
    reportAt: globalNamed<bigint>(exports, PreparedName.reportAt),
    report: tableNamed(exports, PreparedName.report),
  };
  const growFailed = globalNamed<number>(exports, PreparedName.growFailed);
  const stack = globalNamed<number>(exports, PreparedName.stack);
  const names = prepared.hasStart ? [PreparedName.start, '_start'] : ['_start'];
  const entries = names.map((name) => {
    const entry = functionNamed(exports, name);
    return () => {
      stack.value = maxStackBytes;
      entry();
    };
  });
  return {
    counters,
    growFailed: () => growFailed.value === 1,
    stackExhausted: () => stack.value < 0,
    entries,
  };
}

function functionNamed(exports: Readonly<Record<string, unknown>>, name: string): () => unknown {
  const value = exports[name];
  if (typeof value !== 'function') throw new PolicyError(`The module exports no function ${name}.`);
  return value as () => unknown;
}

function globalNamed<T>(exports: Readonly<Record<string, unknown>>, name: string): WasmGlobal<T> {
  const value = exports[name];
  if (value instanceof Wasm.Global) return value as WasmGlobal<T>;
  throw new Error(`The prepared module does not export ${name}.`);
}

function tableNamed(exports: Readonly<Record<string, unknown>>, name: string): WasmTable {
  const value = exports[name];
  if (value instanceof Wasm.Table) return value;
  throw new Error(`The prepared module does not export ${name}.`);
}
