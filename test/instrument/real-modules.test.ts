import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { WASI } from 'node:wasi';
import { main as compile } from 'assemblyscript/asc';
import { rewriteModule } from '../../src/sandbox/instrument/index.js';
import { engine, PLENTY, prepared, reasons, type GuestExports } from './support.js';

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
    const { spell_fuel: fuel } = instance.exports as Partial<GuestExports>;
    if (fuel) fuel.value = PLENTY;
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

function compileC(source: string, ...flags: string[]): Uint8Array {
  const [input, output] = [join(folder, 'guest.c'), join(folder, 'guest.wasm')];
  writeFileSync(input, source);
  execFileSync('clang', ['--target=wasm32-wasi', '--sysroot=/usr', ...flags, input, '-o', output], {
    stdio: 'pipe',
    // Not with the wasm-opt that npm puts in front: clang would run it, slowly.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
  });
  return readFileSync(output);
}

const C_PROGRAM = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
typedef unsigned (*Step)(unsigned);
static unsigned half(unsigned x) { return x / 2; }
static unsigned more(unsigned x) { return 3 * x + 1; }
static volatile Step steps[2] = {half, more};
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(void) {
  int *values = malloc(5000 * sizeof *values);
  for (int i = 0; i < 5000; i++) values[i] = (i * 7919) % 5003;
  qsort(values, 5000, sizeof *values, compare);
  unsigned x = 27, rounds = 0;
  while (x != 1) { x = steps[x & 1](x); rounds++; }
  char *text = calloc(1, 1 << 20);
  memset(text, 'a', 1000);
  memmove(text + 10, text, 900);
  double sum = 0;
  for (int i = 1; i < 1000; i++) sum += sin(i) / sqrt(i);
  printf("%d %u %zu %.6f\\n", values[4999], rounds, strlen(text), sum);
  switch (rounds % 5) { case 0: return 3; case 1: return 4; case 2: return 5; default: return 6; }
}`;

const hasClang = ((): boolean => {
  try {
    compileC('int main(void) { return 0; }');
    return true;
  } catch {
    return false;
  }
})();

describe('C', { skip: hasClang ? false : 'no clang for wasm32-wasi here' }, () => {
  for (const flags of [
    ['-O0'],
    ['-O2'],
    ['-Os', '-g'],
    ['-O2', '-msimd128', '-mbulk-memory'],
    ['-O2', '-mreference-types', '-mtail-call'],
  ]) {
    it(flags.join(' '), () => checkCommand(compileC(C_PROGRAM, ...flags, '-lm'), /^5002 111 1000 /));
  }

  it('a library is refused as a reactor', () => {
    const bytes = compileC(
      '__attribute__((export_name("f"))) int f(void) { return 1; }',
      '-mexec-model=reactor',
    );
    assert.match(reasons(rewriteModule(bytes)).join(), /reactor/);
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
