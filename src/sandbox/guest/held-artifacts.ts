import { ResourceTree } from '../wasi/resource-tree.js';
import { Wasm, type WasmModule } from '../webassembly.js';
import type { CastRequest } from '../wire/messages.js';
import { readExactly } from './blocking-io.js';

/** The pool closed the pipe: there is nothing left to do. */
export class PoolGone extends Error {
  override readonly name = 'PoolGone';
}

/** What this process keeps between casts. What to keep and what to forget, the pool decides. */
export class HeldArtifacts {
  readonly #modules = new Map<string, WasmModule>();
  readonly #trees = new Map<string, ResourceTree>();

  forget(request: CastRequest): void {
    for (const digest of request.forgetModules) this.#modules.delete(digest);
    for (const digest of request.forgetResources) this.#trees.delete(digest);
  }

  module(digest: string, sentBytes: Uint8Array | null): WasmModule {
    if (sentBytes !== null) this.#modules.set(digest, new Wasm.Module(sentBytes));
    const module = this.#modules.get(digest);
    if (module === undefined) throw new Error('The pool named a module it never sent.');
    return module;
  }

  resources(digest: string | null, sent: ReadonlyMap<string, Uint8Array> | null): ResourceTree {
    if (digest === null) return ResourceTree.empty;
    if (sent !== null) this.#trees.set(digest, ResourceTree.fromFiles(sent));
    const tree = this.#trees.get(digest);
    if (tree === undefined) throw new Error('The pool named resources it never sent.');
    return tree;
  }
}

/** Reads the bulk bytes of a request in the order they are sent. */
export function readBulk(request: CastRequest): {
  module: Uint8Array | null;
  resources: Map<string, Uint8Array> | null;
  input: Uint8Array;
} {
  const module = request.moduleBytes === null ? null : mustRead(request.moduleBytes);
  const resources =
    request.resources && new Map(request.resources.map(([path, length]) => [path, mustRead(length)]));
  return { module, resources, input: mustRead(request.inputBytes) };
}

function mustRead(length: number): Buffer {
  const bytes = readExactly(length);
  if (bytes === null) throw new PoolGone();
  return bytes;
}
