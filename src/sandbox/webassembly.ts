/**
 * The part of the WebAssembly API the sandbox uses. TypeScript declares it only together with the browser's
 * whole DOM, which a server must not see.
 */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

export interface WasmGlobal<T> {
  value: T;
}

export interface WasmTable {
  set(index: number, value: unknown): void;
}

interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

/** A compiled module: only ever handed back to V8. */
export type WasmModule = object & { readonly compiledModule?: never };

export type WasmImports = Record<string, Record<string, unknown>>;

type ErrorClass = new (message?: string) => Error;

interface WasmNamespace {
  Module: {
    new (bytes: Uint8Array): WasmModule;
    customSections(module: WasmModule, name: string): ArrayBuffer[];
  };
  Instance: new (module: WasmModule, imports: WasmImports) => WasmInstance;
  Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory;
  Global: new (...descriptor: never[]) => WasmGlobal<unknown>;
  Table: new (...descriptor: never[]) => WasmTable;
  RuntimeError: ErrorClass;
  LinkError: ErrorClass;
}

export const Wasm = (globalThis as unknown as { WebAssembly: WasmNamespace }).WebAssembly;
