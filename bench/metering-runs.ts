import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { WASI } from 'node:wasi';
import { INLINED_FUNCTION_BYTES_MAX, rewriteModule } from '../src/sandbox/index.js';

interface Program {
  name: string;
  path: string;
  input?: string;
}

const fromC = (name: string): Program => ({ name, path: `bench/metering/${name}.wasm` });

const PROGRAMS: readonly Program[] = [
  ...['coremark', 'matrix', 'sort', 'hash', 'json', 'interpreter', 'regex', 'fib'].map(fromC),
  ...['sieve', 'mandelbrot', 'collatz'].map(fromC),
  { name: 'resize', path: 'spells/resize/spell.wasm', input: 'spells/resize/sample.png' },
  { name: 'primes', path: 'spells/primes/spell.wasm', input: 'bench/metering/primes.json' },
  { name: 'word-count', path: 'spells/word-count/spell.wasm', input: 'bench/metering/words.txt' },
];

/** By then the engine has optimised what is worth it. */
const WARM_UP_ROUNDS = 6;

/**
 * Plain and metered runs take turns until both have had this much CPU time, but at most so many rounds. The sums are
 * compared: what other programs on the machine do to the caches they do to both, and CPU time is counted in ticks of
 * some milliseconds, so a single run says nothing.
 */
const CPU_MS = 400;
const ROUNDS_MAX = 300;

const MEMORY_PAGES_MAX = 4096;
const PLENTY_OF_FUEL = 2n ** 60n;
const PLENTY_OF_STACK = 2 ** 30;

const MEAN_GOAL = 1.25;
const WORST_GOAL = 1.6;
const GROWTH_GOAL = 0.4;

interface Measured {
  plainMs: number;
  meteredMs: number;
  plainBytes: number;
  meteredBytes: number;
}

/** Real programs as they are and metered, in turns in this process; the ratio of their times is what metering costs. */
export async function benchMeteredRuns(print: (line: string) => void): Promise<void> {
  // As in a sandbox process; the plain runs have it too.
  setFlagsFromString(`--wasm-inlining-max-size=${INLINED_FUNCTION_BYTES_MAX}`);
  print('');
  print('metering        plain ms  metered ms     ratio    growth');
  const all: Measured[] = [];
  for (const program of PROGRAMS) {
    const measured = await measure(program);
    all.push(measured);
    const { plainMs, meteredMs } = measured;
    const cells = [
      plainMs.toFixed(2),
      meteredMs.toFixed(2),
      ratioOf(measured).toFixed(2),
      percent(growthOf([measured])),
    ];
    print(`${program.name.padEnd(14)}${cells.map((cell) => cell.padStart(10)).join('')}`);
  }
  const ratios = all.map(ratioOf);
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const worst = Math.max(...ratios);
  const growth = growthOf(all);
  const goal = (name: string, value: string, isMet: boolean): void =>
    print(`goal: ${name}: ${isMet ? 'met' : 'NOT met'} (${value})`);
  goal(`metered over plain, geometric mean at most ${MEAN_GOAL}`, mean.toFixed(2), mean <= MEAN_GOAL);
  goal(`metered over plain, the worst at most ${WORST_GOAL}`, worst.toFixed(2), worst <= WORST_GOAL);
  goal(`growth of all binaries at most ${percent(GROWTH_GOAL)}`, percent(growth), growth <= GROWTH_GOAL);
}

async function measure({ name, path, input }: Program): Promise<Measured> {
  const bytes = readFileSync(fromRoot(path));
  const prepared = rewriteModule(bytes);
  if (!prepared.ok) throw new Error(`${name}: ${JSON.stringify(prepared.problems)}`);
  const { initialPages, maximumPages } = prepared;
  const limits = { initial: initialPages, maximum: maximumPages ?? MEMORY_PAGES_MAX };
  const inputPath = input === undefined ? '/dev/null' : fromRoot(input);
  const plain = await WebAssembly.compile(bytes);
  const metered = await WebAssembly.compile(Uint8Array.from(prepared.bytes));
  const runPlain = (): number => run(plain, {}, inputPath);
  const runMetered = (): number => run(metered, { memory: new WebAssembly.Memory(limits) }, inputPath);
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    runPlain();
    runMetered();
  }
  let plainMs = 0;
  let meteredMs = 0;
  let rounds = 0;
  while (rounds < ROUNDS_MAX && plainMs < CPU_MS) {
    plainMs += runPlain();
    meteredMs += runMetered();
    rounds += 1;
  }
  return {
    plainMs: plainMs / rounds,
    meteredMs: meteredMs / rounds,
    plainBytes: bytes.length,
    meteredBytes: prepared.bytes.length,
  };
}

/** One run in a fresh instance, in milliseconds of CPU time. Node's own WASI is good enough for programs of ours. */
function run(
  module: WebAssembly.Module,
  spell: Record<string, WebAssembly.Memory>,
  inputPath: string,
): number {
  const stdin = openSync(inputPath, 'r');
  const stdout = openSync('/dev/null', 'w');
  try {
    const wasi = new WASI({ version: 'preview1', args: ['bench'], stdin, stdout, stderr: stdout });
    const instance = new WebAssembly.Instance(module, { ...wasi.getImportObject(), spell });
    giveFuel(instance.exports);
    const before = process.cpuUsage();
    const code = wasi.start(instance);
    const { user, system } = process.cpuUsage(before);
    if (code !== 0) throw new Error(`A program of the benchmark exited with ${code}.`);
    return (user + system) / 1000;
  } finally {
    closeSync(stdin);
    closeSync(stdout);
  }
}

/** The mark for reports lies where no fuel gets, so nobody needs to hear them. */
function giveFuel(exports: WebAssembly.Exports): void {
  const { spell_fuel: fuel, spell_stack: stack, spell_report_at: reportAt } = exports;
  if (fuel instanceof WebAssembly.Global) fuel.value = PLENTY_OF_FUEL;
  if (stack instanceof WebAssembly.Global) stack.value = PLENTY_OF_STACK;
  if (reportAt instanceof WebAssembly.Global) reportAt.value = -PLENTY_OF_FUEL;
}

function ratioOf({ plainMs, meteredMs }: Measured): number {
  return meteredMs / plainMs;
}

function growthOf(all: readonly Measured[]): number {
  const sum = (key: 'plainBytes' | 'meteredBytes'): number => all.reduce((total, one) => total + one[key], 0);
  return sum('meteredBytes') / sum('plainBytes') - 1;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function fromRoot(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
