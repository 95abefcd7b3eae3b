import { assembleModule } from './assemble-module.js';
import { checkCodeSize } from './check-code-size.js';
import { checkStructure } from './check-structure.js';
import { COST_TABLE_VERSION } from './cost-table.js';
import { engineObjection } from './engine.js';
import { MODULE_BYTES_MAX, PREPARED_BYTES_MAX, PROBLEMS_MAX, TABLE_ELEMENT_BYTES } from './limits.js';
import { meterCode } from './meter-code.js';
import { MalformedModule, problemAt, type ModuleProblem } from './module-problem.js';
import { readStructure } from './module-structure.js';
import { tableElements } from './table-bounds.js';

export type PreparedModule =
  | {
      ok: true;
      bytes: Uint8Array;
      costTable: number;
      initialPages: number;
      maximumPages: number | null;
      /** What all tables together may come to. It counts against the memory of a run. */
      tableBytes: number;
      /** The imports of the original, like `wasi_snapshot_preview1.fd_write`. */
      imports: string[];
    }
  | { ok: false; problems: ModuleProblem[] };

/** Checks and meters a module: a pure function of its bytes. */
export function rewriteModule(bytes: Uint8Array): PreparedModule {
  const malformed = checkHeader(bytes);
  if (malformed !== undefined) return refused([problemAt('', malformed)]);
  const tooMany = checkCodeSize(bytes);
  if (tooMany !== undefined) return refused([problemAt('', tooMany)]);
  // The engine that will run the module is the first to judge it; what it accepts is well-formed.
  const objection = engineObjection(bytes);
  if (objection !== undefined) return refused([problemAt('', `is not valid: ${objection}`)]);
  try {
    return rewriteValid(bytes);
  } catch (error) {
    if (!(error instanceof MalformedModule)) throw error;
    return refused([problemAt('', `cannot be read: ${error.message}`)]);
  }
}

function rewriteValid(bytes: Uint8Array): PreparedModule {
  const structure = readStructure(bytes);
  const code = meterCode(structure);
  const problems = [...checkStructure(structure), ...code.problems];
  if (problems.length > 0) return refused(problems);
  const prepared = assembleModule(structure, code);
  const reason = checkPrepared(prepared);
  if (reason !== undefined) return refused([problemAt('', reason)]);
  return {
    ok: true,
    bytes: prepared,
    costTable: COST_TABLE_VERSION,
    initialPages: structure.memories[0]?.initial ?? 0,
    maximumPages: structure.memories[0]?.maximum ?? null,
    tableBytes: tableElements(structure.tables, code.growsTables) * TABLE_ELEMENT_BYTES,
    imports: structure.imports.map(({ module, field }) => `${module}.${field}`),
  };
}

function refused(problems: ModuleProblem[]): PreparedModule {
  if (problems.length <= PROBLEMS_MAX) return { ok: false, problems };
  const rest = problemAt('', `and ${problems.length - PROBLEMS_MAX} problems more`);
  return { ok: false, problems: [...problems.slice(0, PROBLEMS_MAX), rest] };
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const LAYER_OFFSET = 6;

/** What can be said without an engine. */
export function checkHeader(bytes: Uint8Array): string | undefined {
  if (bytes.length > MODULE_BYTES_MAX) {
    return `has ${bytes.length} bytes of at most ${MODULE_BYTES_MAX}`;
  }
  if (MAGIC.some((byte, position) => bytes[position] !== byte))
    return 'is not a WebAssembly binary (no \\0asm)';
  if (bytes[LAYER_OFFSET] === 1) return 'is a component: publish the core module (wasm32-wasip1)';
  return undefined;
}

/** A function may be just within the engine's limits before it is metered, and beyond them after. */
function checkPrepared(prepared: Uint8Array): string | undefined {
  if (prepared.length > PREPARED_BYTES_MAX) {
    return `has ${prepared.length} bytes when metered, of at most ${PREPARED_BYTES_MAX}`;
  }
  const objection = engineObjection(prepared);
  return objection === undefined ? undefined : `is not valid with the counting code in it: ${objection}`;
}
