import { WASM_PAGE_BYTES } from '../sandbox-limits.js';
import { Wasm, type WasmGlobal, type WasmImports, type WasmMemory, type WasmModule } from '../webassembly.js';
import { PreparedName, type PreparedInfo } from './prepared-module.js';

/** A fresh instance of a prepared module, with what the host holds of it. */
export interface GuestInstance {
  fuel: WasmGlobal<bigint>;
  growFailed(): boolean;
  /** The guest's start function and `_start`, in the order they must run. */
  entries: (() => unknown)[];
}

/** The module asks for something this host does not give to guests. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/** The module wants more memory at once than its limit. */
export class InitialMemoryError extends Error {
  override readonly name = 'InitialMemoryError';
}

/** The limit is the memory's own maximum: V8 itself refuses to grow past it. */
export function createMemory(prepared: PreparedInfo, maxMemoryBytes: number): WasmMemory | null {
  if (!prepared.hasMemory) return null;
  const allowed = Math.floor(maxMemoryBytes / WASM_PAGE_BYTES);
  if (prepared.initialPages > allowed) {
    throw new InitialMemoryError(
      `The module starts with ${prepared.initialPages} pages; ${allowed} are allowed.`,
    );
  }
  const maximum = Math.min(allowed, prepared.maximumPages ?? allowed);
  return new Wasm.Memory({ initial: prepared.initialPages, maximum });
}

export function instantiate(module: WasmModule, imports: WasmImports, prepared: PreparedInfo): GuestInstance {
  const { exports } = new Wasm.Instance(module, imports);
  const fuel = exports[PreparedName.fuel];
  const growFailed = exports[PreparedName.growFailed];
  if (!isGlobal<bigint>(fuel) || !isGlobal<number>(growFailed)) {
    throw new Error('The prepared module does not export its counters.');
  }
  const command = functionNamed(exports, '_start');
  const entries = prepared.hasStart ? [functionNamed(exports, PreparedName.start), command] : [command];
  return { fuel, growFailed: () => growFailed.value === 1, entries };
}

function functionNamed(exports: Readonly<Record<string, unknown>>, name: string): () => unknown {
  const value = exports[name];
  if (typeof value !== 'function') throw new PolicyError(`The module exports no function ${name}.`);
  return value as () => unknown;
}

function isGlobal<T>(value: unknown): value is WasmGlobal<T> {
  return value instanceof Wasm.Global;
}
