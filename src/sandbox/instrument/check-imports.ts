import type { ImportEntry, ModuleStructure } from './module-structure.js';
import { problemAt, quoteName, type ModuleProblem } from './module-problem.js';
import { WASI_FUNCTIONS, WASI_MODULE, wasiFunction } from './wasi-functions.js';

/** A spell may import the functions of WASI preview 1 and nothing else; every other import is named. */
export function checkImports(structure: ModuleStructure): ModuleProblem[] {
  return structure.imports.flatMap((entry, position) => {
    const reason = refusalOf(entry, structure);
    return reason === undefined ? [] : [problemAt(`imports/${position}`, `${importName(entry)} ${reason}`)];
  });
}

export function importName({ module, field }: ImportEntry): string {
  return quoteName(`${module}.${field}`);
}

function refusalOf(entry: ImportEntry, structure: ModuleStructure): string | undefined {
  if (entry.module !== WASI_MODULE) return refusalOfForeign(entry);
  const wasi = wasiFunction(entry.field);
  if (wasi === undefined) return `is none of the ${WASI_FUNCTIONS.length} functions of WASI preview 1`;
  if (entry.kind !== 'function') return `must be imported as a function, not as a ${entry.kind}`;
  const type = structure.types[entry.typeIndex];
  const signature = type?.form === 'function' ? type.signature : '';
  if (signature === wasi.signature) return undefined;
  return `must have the type ${spellOut(wasi.signature)}, not ${spellOut(signature)}`;
}

function refusalOfForeign({ module, field, kind }: ImportEntry): string {
  if (kind === 'memory') return 'is a memory: a spell defines its own (build without --import-memory)';
  if (kind === 'table') return 'is a table: a spell defines its own (build without --import-table)';
  if (kind !== 'function') return `is a ${kind}: a spell may import functions only`;
  if (module === 'wasi_unstable') return 'is of WASI snapshot 0: build it for wasm32-wasip1';
  if (module.startsWith('wasi:')) return 'is of WASI preview 2: build it for wasm32-wasip1, as a core module';
  if (module === 'env' && field === 'abort')
    return 'is not provided: compile AssemblyScript with --use abort= or the WASI shim';
  return `is not provided: a spell may import functions of ${WASI_MODULE} only`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  i: 'i32',
  I: 'i64',
  f: 'f32',
  F: 'f64',
  v: 'v128',
  r: 'reference',
};

function spellOut(signature: string): string {
  const side = (letters: string): string => Array.from(letters, (letter) => TYPE_NAMES[letter]).join(', ');
  const [parameters = '', results = ''] = signature.split(':');
  return `(${side(parameters)}) -> (${side(results)})`;
}
