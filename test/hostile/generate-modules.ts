import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { compileFunction } from 'node:vm';
import binaryen from 'binaryen';
import { engine } from '../instrument/support.js';

const WASM_OPT = createRequire(import.meta.url).resolve('binaryen/bin/wasm-opt');

/** What a spell may use and the generator of Binaryen knows. */
const FEATURES = {
  'bulk-memory': binaryen.Features.BulkMemory,
  'bulk-memory-opt': binaryen.Features.BulkMemoryOpt,
  'exception-handling': binaryen.Features.ExceptionHandling,
  'extended-const': binaryen.Features.ExtendedConst,
  multivalue: binaryen.Features.Multivalue,
  'mutable-globals': binaryen.Features.MutableGlobals,
  'nontrapping-float-to-int': binaryen.Features.NontrappingFPToInt,
  'reference-types': binaryen.Features.ReferenceTypes,
  'sign-ext': binaryen.Features.SignExt,
  simd: binaryen.Features.SIMD128,
  'tail-call': binaryen.Features.TailCall,
};

type Imports = object;
type CompiledModule = object;
interface EmscriptenOptions {
  arguments: string[];
  print(): void;
  printErr(text: string): void;
  postRun: (() => void)[];
  instantiateWasm?(imports: Imports, done: (instance: object) => void): void;
}
type Program = (
  options: EmscriptenOptions,
  require: NodeJS.Require,
  folder: string,
  module: object,
  webAssembly: object,
) => void;

// What the program expects to find around it, in the order in which it is handed over.
const SURROUNDINGS = ['Module', 'require', '__dirname', 'module', 'WebAssembly'];

/** Binaryen's own fuzzer: the same random bytes always give the same valid module. */
export class ModuleGenerator {
  readonly #program: Program;
  readonly #folder: string;
  #compiled: CompiledModule | null = null;

  private constructor(folder: string) {
    this.#folder = folder;
    const source = readFileSync(WASM_OPT, 'utf8').replace(/^#!.*/, '');
    this.#program = compileFunction(source, SURROUNDINGS) as unknown as Program;
  }

  static async create(): Promise<ModuleGenerator> {
    return new ModuleGenerator(await mkdtemp(join(tmpdir(), 'spell-generated-')));
  }

  /** A module that imports nothing, and exports functions, its memory and an empty `_start`. */
  async generate(seed: Uint8Array): Promise<Uint8Array> {
    const [from, to] = [join(this.#folder, 'seed'), join(this.#folder, 'module.wasm')];
    await writeFile(from, seed);
    await this.#optimizer([
      from,
      '--translate-to-fuzz',
      // The bits of a NaN are the engine's choice, and two runs need not choose alike.
      '--denan',
      ...Object.keys(FEATURES).map((name) => `--enable-${name}`),
      '-o',
      to,
    ]);
    return withoutImports(await readFile(to));
  }

  clear(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }

  /** One run of the program `wasm-opt`, which is compiled in the first one and kept. */
  async #optimizer(args: string[]): Promise<void> {
    const said: string[] = [];
    const { exitCode } = process;
    await new Promise<void>((resolve, reject) => {
      const options: EmscriptenOptions = {
        arguments: args,
        print: () => undefined,
        printErr: (text) => said.push(text),
        postRun: [resolve],
      };
      const compiled = this.#compiled;
      if (compiled !== null) {
        options.instantiateWasm = (imports, done) => done(new engine.Instance(compiled, imports));
      }
      const instantiate = async (bytes: Uint8Array, imports: Imports) => {
        this.#compiled = new engine.Module(bytes);
        return { instance: new engine.Instance(this.#compiled, imports) };
      };
      try {
        this.#program(
          options,
          createRequire(WASM_OPT),
          dirname(WASM_OPT),
          {},
          { ...globalWebAssembly, instantiate },
        );
      } catch (error) {
        reject(new Error(said.join('\n'), { cause: error }));
      }
    });
    // It ends as programs end; this one goes on.
    process.exitCode = exitCode;
  }
}

const globalWebAssembly = Object.fromEntries(
  Object.getOwnPropertyNames(engine).map((name) => [name, Reflect.get(engine, name) as unknown]),
);

/** A module may import nothing: what it wants of the fuzzer's host becomes its own. */
function withoutImports(bytes: Uint8Array): Uint8Array {
  const read = binaryen.readBinary(bytes);
  replaceFunctions(read);
  const text = read.emitText().replaceAll(GLOBAL_OR_TAG, (_, definition: string) => withValue(definition));
  read.dispose();
  const module = binaryen.parseText(text);
  module.setFeatures(Object.values(FEATURES).reduce((all, feature): number => all | feature, 0));
  const written = module.emitBinary();
  module.dispose();
  return written;
}

/** What they would log goes into a checksum, which is a number of the module to compare. */
function replaceFunctions(module: binaryen.Module): void {
  module.addGlobal('checksum', binaryen.i32, true, module.i32.const(1));
  module.addGlobalExport('checksum', 'checksum');
  for (let index = module.getNumFunctions() - 1; index >= 0; index--) {
    const info = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    if (info.base === null || info.base === '') continue;
    module.removeFunction(info.name);
    module.addFunction(info.name, info.params, info.results, [], standIn(module, info));
  }
  module.addFunction('spell start', binaryen.none, binaryen.none, [], module.nop());
  module.addFunctionExport('spell start', '_start');
}

function standIn(
  module: binaryen.Module,
  { params, results }: binaryen.FunctionInfo,
): binaryen.ExpressionRef {
  const [first] = binaryen.expandType(params);
  const value = first === binaryen.i32 ? module.local.get(0, binaryen.i32) : module.i32.const(7);
  const mixed = module.i32.add(
    module.i32.mul(module.global.get('checksum', binaryen.i32), module.i32.const(31)),
    value,
  );
  const note = module.global.set('checksum', mixed);
  if (results === binaryen.none) return note;
  if (results === binaryen.i32) return module.block(null, [note, module.i32.const(0)], binaryen.i32);
  return module.unreachable();
}

/** As Binaryen writes them, each on a line of its own. */
const GLOBAL_OR_TAG = /\(import "[^"]*" "[^"]*" (\((?:global|tag) .*\))\)$/gm;

/** A definition in the place of the import keeps its index, on which other globals may depend. */
function withValue(definition: string): string {
  if (definition.startsWith('(tag')) return definition;
  const [, type = ''] = /(\w+|\(ref .*\))\)?\)$/.exec(definition) ?? [];
  return `${definition.slice(0, -1)} ${VALUES[type] ?? '(ref.null none)'})`;
}

const VALUES: Readonly<Record<string, string>> = {
  i32: '(i32.const 1)',
  i64: '(i64.const 1)',
  f32: '(f32.const 1)',
  f64: '(f64.const 1)',
  v128: '(v128.const i64x2 1 1)',
  externref: '(ref.null noextern)',
  funcref: '(ref.null nofunc)',
};
