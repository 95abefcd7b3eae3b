import { FileTree } from '../wasi/file-tree.js';
import { Wasm, type WasmModule } from '../webassembly.js';
import type { CastRequest, TreeMessage } from '../wire/messages.js';
import { readExactly } from './blocking-io.js';

/** The pool closed the pipe: there is nothing left to do. */
export class PoolGone extends Error {
  override readonly name = 'PoolGone';
}

/** What this process keeps between casts. What to keep and what to forget, the pool decides. */
export class HeldArtifacts {
  readonly #modules = new Map<string, WasmModule>();
  readonly #trees = new Map<string, FileTree>();

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

  resources(digest: string | null, sent: ReadonlyMap<string, Uint8Array> | null): FileTree {
    if (digest === null) return FileTree.empty;
    if (sent !== null) this.#trees.set(digest, FileTree.fromFiles(sent));
    const tree = this.#trees.get(digest);
    if (tree === undefined) throw new Error('The pool named resources it never sent.');
    return tree;
  }
}

/** Reads the bulk bytes of a request in the order they are sent. */
export function readBulk(request: CastRequest): {
  module: Uint8Array | null;
  resources: Map<string, Uint8Array> | null;
  trees: (TreeMessage & { bytes: Map<string, Uint8Array> })[];
  input: Uint8Array;
} {
  const module = request.moduleBytes === null ? null : mustRead(request.moduleBytes);
  const resources = request.resources && readFiles(request.resources);
  const trees = request.trees.map((tree) => ({ ...tree, bytes: readFiles(tree.files) }));
  return { module, resources, trees, input: mustRead(request.inputBytes) };
}

function readFiles(files: readonly (readonly [path: string, bytes: number])[]): Map<string, Uint8Array> {
  return new Map(files.map(([path, length]) => [path, mustRead(length)]));
}

function mustRead(length: number): Buffer {
  const bytes = readExactly(length);
  if (bytes === null) throw new PoolGone();
  return bytes;
}
