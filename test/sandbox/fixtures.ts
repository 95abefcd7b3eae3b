import { createHash } from 'node:crypto';
import loadWabt from 'wabt';
import {
  SandboxPool,
  type SandboxLimits,
  type SandboxOutcome,
  type SandboxRun,
} from '../../src/sandbox/index.js';

const wabt = await loadWabt();

const FEATURES = { mutable_globals: true, bulk_memory: true, multi_value: true, exceptions: true };

/** All functions of WASI preview 1 by their parameters: i is an i32, I an i64. */
export const WASI_PARAMETERS: Readonly<Record<string, string>> = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'iIi',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'iiiIi',
  fd_prestat_get: 'ii',
  fd_prestat_dir_name: 'iii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiiIIi',
  path_link: 'iiiiiii',
  path_open: 'iiiiiIIii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
};

function signatureOf(name: string): string {
  const types = [...(WASI_PARAMETERS[name] ?? '')].map((letter) => (letter === 'I' ? 'i64' : 'i32'));
  return `(param ${types.join(' ')}) ${name === 'proc_exit' ? '' : '(result i32)'}`;
}

/** A module in the form the instrumentation writes, assembled by hand. */
export function preparedModule(wasiImports: string[], body: string, pages = 1, hasStart = false): Buffer {
  const imports = wasiImports.map(
    (name) => `(import "wasi_snapshot_preview1" "${name}" (func $${name} ${signatureOf(name)}))`,
  );
  const source = `(module ${imports.join('\n')}
    (import "spell" "memory" (memory ${pages}))
    (global (export "spell_fuel") (mut i64) (i64.const 0))
    (global $grow_failed (export "spell_grow_failed") (mut i32) (i32.const 0))
    ${body}
    (global (export "spell_stack") (mut i32) (i32.const 0))
    (global (export "spell_report_at") (mut i64) (i64.const 0))
    (table (export "spell_report") 1 1 funcref))`;
  const module = wabt.parseWat('guest.wat', source, FEATURES);
  const { buffer } = module.toBinary({});
  module.destroy();
  const info = { costTable: 1, initialPages: pages, maximumPages: null, hasMemory: true, hasStart };
  return Buffer.concat([buffer, customSection('spell.prepared', JSON.stringify(info))]);
}

function customSection(name: string, text: string): Buffer {
  const content = Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from(text)]);
  return Buffer.concat([Buffer.from([0, (content.length & 0x7f) | 0x80, content.length >> 7]), content]);
}

/** Writes `length` bytes from `pointer`, by way of an iovec at address 0. */
export const WRITE = `
  (func $write (param $fd i32) (param $pointer i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $pointer))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))`;

/** The code of a WASI call, its parameters as numbers. */
export function wasiCall(name: string, ...values: (number | bigint)[]): string {
  const types = [...(WASI_PARAMETERS[name] ?? '')].map((letter) => (letter === 'I' ? 'i64' : 'i32'));
  const constants = types.map((type, index) => `(${type}.const ${values[index]})`);
  return `(call $${name} ${constants.join(' ')})`;
}

/** Copies all of stdin to stdout. */
export const ECHO = preparedModule(
  ['fd_read', 'fd_write'],
  `${WRITE}
  (func (export "_start") (local $count i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 64512))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $count (i32.load (i32.const 8)))
      (if (local.get $count) (then
        (call $write (i32.const 1) (i32.const 1024) (local.get $count))
        (br $more)))))`,
);

export const TRIVIAL = preparedModule([], '(func (export "_start"))');
export const ENDLESS = preparedModule([], '(func (export "_start") (loop $on (br $on)))');

/** Says hello, then loops for ever. */
export const HELLO_ENDLESS = preparedModule(
  ['fd_write'],
  `${WRITE} (data (i32.const 100) "hello")
  (func (export "_start") (call $write (i32.const 1) (i32.const 100) (i32.const 5)) (loop $on (br $on)))`,
);

const ROOMY: SandboxLimits = {
  timeoutMs: 10_000,
  maxMemoryBytes: 64 * 1024 * 1024,
  maxOutputBytes: 64 * 1024 * 1024,
  maxLogBytes: 64 * 1024,
  maxFuel: 10n ** 15n,
};

type Finished = SandboxOutcome & { output: Buffer; log: Buffer; outputChunks: number; loads: number };

type RunChoices = Partial<Omit<SandboxRun, 'limits'>> & { limits?: Partial<SandboxLimits> };

/** Runs a module and gathers all it wrote. */
export async function cast(pool: SandboxPool, module: Buffer, choices: RunChoices = {}): Promise<Finished> {
  const output: Buffer[] = [];
  const log: Buffer[] = [];
  let loads = 0;
  const outcome = await pool.run({
    moduleDigest: `sha256:${createHash('sha256').update(module).digest('hex')}`,
    loadModule: async () => {
      loads += 1;
      return module;
    },
    input: new Uint8Array(0),
    args: ['spell'],
    env: {},
    onOutput: (chunk) => output.push(chunk),
    onLog: (chunk) => log.push(chunk),
    ...choices,
    limits: { ...ROOMY, ...choices.limits },
  });
  return {
    ...outcome,
    output: Buffer.concat(output),
    log: Buffer.concat(log),
    outputChunks: output.length,
    loads,
  };
}

export function failureCode(outcome: SandboxOutcome): string {
  return outcome.kind === 'failed' ? outcome.code : outcome.kind;
}

export async function withPool(
  options: Partial<ConstructorParameters<typeof SandboxPool>[0]>,
  use: (pool: SandboxPool) => Promise<void>,
): Promise<void> {
  const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 1000, ...options });
  await pool.start();
  try {
    await use(pool);
  } finally {
    await pool.stop();
  }
}
