import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { WASI } from 'node:wasi';
import { main as compile } from 'assemblyscript/asc';
import { rewriteModule } from '../../src/sandbox/instrument/index.js';
import { engine, NO_REPORT, PLENTY, prepared, reasons, STACK_BYTES, type GuestExports } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'instrument-'));
after(() => rmSync(folder, { recursive: true }));

interface Run {
  code: number;
  output: string;
  fuel: bigint;
}

/** Runs a command with Node's own WASI, which these trusted programs may have. */
function run(module: object, memory: object | undefined): Run {
  const path = join(folder, 'output');
  const stdout = openSync(path, 'w');
  try {
    const wasi = new WASI({ version: 'preview1', args: ['guest'], stdout, returnOnExit: true });
    const imports = { ...wasi.getImportObject(), spell: { memory } };
    const instance = new engine.Instance(module, imports);
    const {
      spell_fuel: fuel,
      spell_stack: stack,
      spell_report: report,
    } = instance.exports as Partial<GuestExports>;
    if (fuel) fuel.value = PLENTY;
    if (stack) stack.value = STACK_BYTES;
    report?.set(0, NO_REPORT);
    const code = wasi.start(instance);
    return { code, output: readFileSync(path, 'utf-8'), fuel: fuel ? PLENTY - fuel.value : 0n };
  } finally {
    closeSync(stdout);
  }
}

function checkCommand(bytes: Uint8Array, output: RegExp): void {
  const result = prepared(bytes);
  const memory = (): object => new engine.Memory({ initial: result.initialPages, maximum: 1024 });
  const module = new engine.Module(result.bytes);
  const before = run(new engine.Module(bytes), undefined);
  const first = run(module, memory());
  assert.match(first.output, output);
  assert.deepEqual({ ...first, fuel: 0n }, before);
  assert.ok(first.fuel > 1000n);
  // The later runs find code that the engine has compiled better.
  for (let again = 0; again < 5; again++) assert.equal(run(module, memory()).fuel, first.fuel);
}

/** Compiled by c-programs/build.sh and kept, because a machine that runs the tests need not have a C compiler. */
function builtFromC(name: string): Uint8Array {
  return readFileSync(`test/instrument/c-programs/${name}.wasm`);
}

describe('C', () => {
  for (const name of [
    'program-O0',
    'program-O2',
    'program-debug',
    'program-simd',
    'program-reference-types',
  ]) {
    it(name, () => checkCommand(builtFromC(name), /^5002 111 1000 /));
  }

  it('a library is refused as a reactor', () => {
    assert.match(reasons(rewriteModule(builtFromC('reactor'))).join(), /reactor/);
  });
});

const ASSEMBLYSCRIPT_PROGRAM = `
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, count: usize, written: usize): i32;
function fibonacci(n: i32): i32 { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
const words = new Map<string, i32>();
for (let i = 0; i < 500; i++) words.set("w" + (i % 50).toString(), i);
const text = String.UTF8.encode("fib " + fibonacci(15).toString() + " words " + words.size.toString());
const vector = memory.data(16);
store<u32>(vector, changetype<usize>(text));
store<u32>(vector + 4, text.byteLength);
fd_write(1, vector, 1, vector + 8);
`;

async function compileAssemblyScript(...flags: string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error } = await compile(
    ['guest.ts', '--outFile', 'guest.wasm', '--exportStart', '_start', '--use', 'abort=', ...flags],
    {
      readFile: (name) => (name === 'guest.ts' ? ASSEMBLYSCRIPT_PROGRAM : null),
      writeFile: (name, content) => {
        if (name.endsWith('.wasm')) binary = content as Uint8Array;
      },
      listFiles: () => [],
    },
  );
  if (error || !binary) throw error ?? new Error('no binary');
  return binary;
}

describe('AssemblyScript', () => {
  for (const flags of [['-O3'], ['--debug'], ['-O3', '--runtime', 'stub']]) {
    it(flags.join(' '), async () =>
      checkCommand(await compileAssemblyScript(...flags), /^fib 610 words 50$/),
    );
  }
});
