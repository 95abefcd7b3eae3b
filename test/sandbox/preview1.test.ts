import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SandboxPool, prepareModule, type SandboxRun } from '../../src/sandbox/index.js';
import { cast } from './fixtures.js';

/**
 * The 72 public preview 1 cases (WebAssembly/wasi-testsuite) by their names: what each of them expects, said again in
 * the C program of ./preview1, and run by the pool like any spell.
 */
const STREAM_CASES = [
  'args_get-multiple-arguments',
  'args_sizes_get-multiple-arguments',
  'args_sizes_get-no-arguments',
  'big_random_buf',
  'clock_getres-monotonic',
  'clock_getres-realtime',
  'clock_gettime-monotonic',
  'clock_gettime-realtime',
  'clock_time_get',
  'environ_get-multiple-variables',
  'environ_sizes_get-multiple-variables',
  'environ_sizes_get-no-variables',
  'fd_write-to-invalid-fd',
  'fd_write-to-stdout',
  'fopen-with-no-access',
  'poll_oneoff_stdio',
  'proc_exit-failure',
  'proc_exit-success',
  'random_get-non-zero-length',
  'random_get-zero-length',
  'sched_yield',
  'sock_shutdown-invalid_fd',
  'sock_shutdown-not_sock',
];

const FILE_CASES = [
  'close_preopen',
  'dangling_fd',
  'dangling_symlink',
  'dir_fd_op_failures',
  'directory_seek',
  'fd_advise',
  'fd_fdstat_set_rights',
  'fd_filestat_set',
  'fd_flags_set',
  'fd_readdir',
  'fdopendir-with-access',
  'file_allocate',
  'file_pread_pwrite',
  'file_seek_tell',
  'file_truncation',
  'file_unbuffered_write',
  'fopen-with-access',
  'fstflags_validate',
  'interesting_paths',
  'isatty',
  'lseek',
  'nofollow_errors',
  'overwrite_preopen',
  'path_exists',
  'path_filestat',
  'path_link',
  'path_open_create_existing',
  'path_open_dirfd_not_dir',
  'path_open_missing',
  'path_open_nonblock',
  'path_open_preopen',
  'path_open_read_write',
  'path_rename',
  'path_rename_dir_trailing_slashes',
  'path_symlink_trailing_slashes',
  'pread-with-access',
  'pwrite-with-access',
  'pwrite-with-append',
  'readlink',
  'remove_directory_trailing_slashes',
  'remove_nonempty_directory',
  'renumber',
  'stat-dev-ino',
  'stdio',
  'symlink_create',
  'symlink_filestat',
  'symlink_loop',
  'truncation_rights',
  'unlink_file_trailing_slashes',
];

const ROOT = {
  guestPath: '/',
  files: new Map(
    Object.entries({
      file: '',
      'lseek.txt': '01234567',
      'pread.txt': 'bread-text',
      'fs-tests.dir/fopendir.dir/file-0': '',
      'fs-tests.dir/fopendir.dir/file-1': '',
    }).map(([path, text]) => [path, Buffer.from(text)]),
  ),
  folders: ['writeable'],
  isWritable: true,
  maxBytes: 8 * 1024 * 1024,
};

const MORE_ARGUMENTS = ['first', 'the "second" one'];
const VARIABLES = { a: 'text', b: 'eé="x"' };
const EXIT_CODES: Readonly<Record<string, number>> = { 'proc_exit-failure': 33 };
const OUTPUTS: Readonly<Record<string, string>> = { 'fd_write-to-stdout': 'hello' };

const pool = new SandboxPool({ size: 1, maxCastsPerProcess: 1000 });
let module: Buffer;
before(async () => {
  const path = new URL('../../../test/sandbox/preview1/preview1.wasm', import.meta.url);
  const [prepared] = await Promise.all([
    readFile(fileURLToPath(path)).then((bytes) => prepareModule(bytes)),
    pool.start(),
  ]);
  assert.ok(prepared.ok, JSON.stringify(prepared));
  module = Buffer.from(prepared.bytes);
});
after(() => pool.stop());

function choicesFor(name: string): Partial<Omit<SandboxRun, 'limits'>> {
  const moreArguments = name.includes('multiple-arguments') ? MORE_ARGUMENTS : [];
  return {
    args: ['preview1', name, ...moreArguments],
    env: name.includes('multiple-variables') ? VARIABLES : {},
    trees: FILE_CASES.includes(name) ? [ROOT] : [],
    clockStartNs: 1_800_000_000_000_000_000n,
    randomSeed: Buffer.from('preview1'),
  };
}

test('the public cases are 72', () => {
  assert.equal(new Set([...STREAM_CASES, ...FILE_CASES]).size, 72);
});

for (const name of [...STREAM_CASES, ...FILE_CASES]) {
  test(name, async () => {
    const done = await cast(pool, module, choicesFor(name));
    const exitCode = done.kind === 'failed' && done.code === 'EXIT_NONZERO' ? done.exitCode : done.kind;
    assert.equal(exitCode, EXIT_CODES[name] ?? 'succeeded', done.log.toString());
    assert.equal(done.output.toString(), OUTPUTS[name] ?? '');
  });
}

test('every case uses the same fuel in every run', async () => {
  const digest = createHash('sha256');
  for (const round of [1, 2]) {
    const fuel: string[] = [];
    for (const name of FILE_CASES) fuel.push(String((await cast(pool, module, choicesFor(name))).fuelUsed));
    if (round === 1) digest.update(fuel.join());
    else assert.equal(createHash('sha256').update(fuel.join()).digest('hex'), digest.digest('hex'));
  }
});
