import assert from 'node:assert/strict';
import { WASI_PARAMETERS, wasiCall } from '../sandbox/fixtures.js';
import {
  command,
  ENDLESS_FUEL,
  start,
  UNTIL_DEADLINE,
  writeText,
  type HostileGuest,
} from './hostile-guest.js';

const runtime = { timeout_ms: 20_000, max_fuel: ENDLESS_FUEL };
const MEMORY_BYTES = 2 * 65_536;

/** Notes a number as one byte; `_start` writes all of them at its end. */
const NOTES_AT = 32_768;
const NOTE = `(global $notes (mut i32) (i32.const 0))
  (func $note (param $errno i32)
    (i32.store8 (i32.add (i32.const ${NOTES_AT}) (global.get $notes)) (local.get $errno))
    (global.set $notes (i32.add (global.get $notes) (i32.const 1))))`;

/** Writes as many bytes as there are notes. */
const WRITE_NOTES = `(i32.store (i32.const 16) (i32.const ${NOTES_AT})) (i32.store (i32.const 20) (global.get $notes))
  (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))`;

const ESCAPES = [
  '../etc/passwd',
  '..',
  '../',
  'a/../../etc/passwd',
  './../../../../../../etc/passwd',
  'folder/../../../etc/passwd',
  '/etc/passwd',
  '//etc/passwd',
  '/resources/../etc/passwd',
  '/proc/self/environ',
  '..\\..\\etc\\passwd',
  'file:///etc/passwd',
  'folder/file.txt/../../../etc/passwd',
  'x'.repeat(300),
];

/** Every call that takes a path, with an escape at `at`, in the place of each path it takes. */
function pathCalls(at: number, length: number): string[] {
  const path = [at, length] as const;
  const own = [500, 1] as const;
  return [
    wasiCall('path_create_directory', 3, ...path),
    wasiCall('path_filestat_get', 3, 1, ...path, 64),
    wasiCall('path_filestat_set_times', 3, 1, ...path, 0n, 0n, 2),
    wasiCall('path_link', 3, 1, ...path, 3, ...own),
    wasiCall('path_link', 3, 0, ...own, 3, ...path),
    wasiCall('path_open', 3, 1, ...path, 0, 2n, 2n, 0, 64),
    wasiCall('path_open', 3, 1, ...path, 9, 64n, 64n, 1, 64),
    wasiCall('path_readlink', 3, ...path, 1024, 64, 64),
    wasiCall('path_remove_directory', 3, ...path),
    wasiCall('path_rename', 3, ...path, 3, ...own),
    wasiCall('path_rename', 3, ...own, 3, ...path),
    wasiCall('path_symlink', ...path, 3, ...own),
    wasiCall('path_symlink', ...own, 3, ...path),
    wasiCall('path_unlink_file', 3, ...path),
  ];
}

const note = (call: string) => `(call $note ${call})`;
const ignore = (call: string) => `(drop ${call})`;

/** Does for each path what is to be done, and writes what each noted call came to. */
function atEachEscape(
  wasi: readonly string[],
  actionsAt: (at: number, length: number) => string[],
): Uint8Array {
  let at = 2048;
  const data: string[] = ['(data (i32.const 500) "l")'];
  const actions: string[] = [];
  for (const escape of ESCAPES) {
    const bytes = Buffer.from(escape);
    const text = [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
    data.push(`(data (i32.const ${at}) "${text}")`);
    actions.push(...actionsAt(at, bytes.length));
    at += bytes.length;
  }
  return command(
    [...wasi, 'fd_write'],
    `${data.join(' ')} ${NOTE} (func (export "_start") ${actions.join('\n')} ${WRITE_NOTES})`,
  );
}

function traversal(): Uint8Array {
  const wasi = Object.keys(WASI_PARAMETERS).filter((name) => name.startsWith('path_'));
  return atEachEscape(wasi, (at, length) => pathCalls(at, length).map(note));
}

/** Links of its own making in its own /tmp, to every place that is not there, and what following them comes to. */
function links(): Uint8Array {
  const wasi = ['path_symlink', 'path_open', 'path_filestat_get', 'path_unlink_file'];
  return atEachEscape(wasi, (at, length) => [
    // That the link may be made is right: it is the guest's own, and leads nowhere.
    ignore(wasiCall('path_symlink', at, length, 4, 500, 1)),
    note(wasiCall('path_open', 4, 1, 500, 1, 0, 2n, 2n, 0, 64)),
    note(wasiCall('path_filestat_get', 4, 1, 500, 1, 64)),
    ignore(wasiCall('path_unlink_file', 4, 500, 1)),
  ]);
}

function assertNoneSucceeded(output: Buffer, count: number): void {
  assert.equal(output.length, count);
  assert.equal(output.indexOf(0), -1, `call ${output.indexOf(0)} succeeded`);
}

const EXTREMES = [-1, 0x7fff_ffff, -0x8000_0000, MEMORY_BYTES - 1, MEMORY_BYTES];

/** Every function of WASI with each of its 32-bit arguments at the end of memory and far beyond, on four descriptors. */
function overflow(): Uint8Array {
  const kept = new Set(['proc_exit', 'fd_close', 'fd_renumber']);
  const names = Object.keys(WASI_PARAMETERS).filter((name) => !kept.has(name));
  const calls = names.flatMap((name) => extremeCalls(name, WASI_PARAMETERS[name] ?? ''));
  const body = calls.map(
    (call) => `(memory.fill (i32.const 0) (i32.const 0) (i32.const 2048)) (drop ${call})`,
  );
  return command(
    names,
    `(func (export "_start") ${body.join('\n')}
       (i32.store (i32.const 512) (i32.const 0x76696c61)) ${writeText(1, 512, 4)})`,
  );
}

function extremeCalls(name: string, parameters: string): string[] {
  const calls: string[] = [];
  for (let position = 0; position < parameters.length; position++) {
    for (const extreme of EXTREMES) {
      for (const descriptor of position === 0 ? [0] : [0, 1, 2, 3]) {
        const values = Array.from(parameters, (letter, index) => {
          if (index === position) return letter === 'I' ? BigInt(extreme) << 32n : extreme;
          if (index === 0) return letter === 'I' ? BigInt(descriptor) : descriptor;
          return letter === 'I' ? 8n : 8;
        });
        calls.push(wasiCall(name, ...values));
      }
    }
  }
  return calls;
}

/** Guests that call the host in every way it was not meant to be called. */
export const CALL_GUESTS: readonly HostileGuest[] = [
  {
    name: 'every way out of /resources, in every call that takes a path',
    wasm: traversal,
    runtime,
    resources: { 'folder/file.txt': 'inside' },
    ends: ['SUCCEEDED'],
    check: (output) => assertNoneSucceeded(output, ESCAPES.length * pathCalls(0, 0).length),
  },
  {
    name: 'links to everywhere, made in its own /tmp and followed',
    wasm: links,
    runtime: { ...runtime, policy: { fs_read: [], tmp_mb: 1 } },
    ends: ['SUCCEEDED'],
    check: (output) => assertNoneSucceeded(output, ESCAPES.length * 2),
  },
  {
    name: 'every argument of every call at the end of memory and beyond',
    wasm: overflow,
    runtime,
    ends: ['SUCCEEDED'],
    check: (output) => assert.equal(output.subarray(-4).toString(), 'aliv'),
  },
  {
    name: 'descriptors guessed by the thousand',
    wasm: () =>
      command(
        ['fd_fdstat_get', 'fd_write'],
        `${NOTE}
         (func $guess (param $fd i32)
           (if (i32.eqz (call $fd_fdstat_get (local.get $fd) (i32.const 64)))
             (then (call $note (local.get $fd)))))
         (func (export "_start") (local $fd i32)
           (loop $next
             (call $guess (local.get $fd))
             (call $guess (i32.sub (i32.const -1) (local.get $fd)))
             (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
             (br_if $next (i32.lt_u (local.get $fd) (i32.const 20000))))
           ${WRITE_NOTES})`,
      ),
    runtime,
    ends: ['SUCCEEDED'],
    // The streams and the empty /resources; nothing of the process that the guest runs in.
    check: (output) => assert.deepEqual([...output], [0, 1, 2, 3]),
  },
  {
    name: 'descriptors opened until there are no more',
    wasm: () =>
      command(
        ['path_open', 'proc_exit'],
        `(data (i32.const 512) "file.txt") (func (export "_start") (local $errno i32)
           (loop $more
             (local.set $errno ${wasiCall('path_open', 3, 0, 512, 8, 0, 2n, 2n, 0, 64)})
             (br_if $more (i32.eqz (local.get $errno))))
           (call $proc_exit (local.get $errno)))`,
      ),
    runtime,
    resources: { 'file.txt': 'inside' },
    ends: ['EXIT_NONZERO'],
    message: /code 33\b/,
  },
  {
    name: 'a poll of four thousand million subscriptions',
    wasm: () =>
      start(['poll_oneoff', 'proc_exit'], `(call $proc_exit ${wasiCall('poll_oneoff', 64, 1024, -1, 32)})`),
    runtime,
    ends: ['EXIT_NONZERO'],
    message: /code 28\b/,
  },
  {
    name: 'random bytes for more memory than there is',
    wasm: () => start(['random_get', 'proc_exit'], `(call $proc_exit ${wasiCall('random_get', 8, -1)})`),
    runtime,
    ends: ['EXIT_NONZERO'],
    message: /code 21\b/,
  },
  {
    name: 'a directory read over and over with cookies from nowhere',
    wasm: () =>
      command(
        ['fd_readdir'],
        `(func (export "_start") (local $cookie i64)
           (loop $forever
             (drop (call $fd_readdir (i32.const 3) (i32.const 1024) (i32.const 65536) (local.get $cookie) (i32.const 64)))
             (local.set $cookie (i64.sub (i64.mul (local.get $cookie) (i64.const 7)) (i64.const 1)))
             (br $forever)))`,
      ),
    ...UNTIL_DEADLINE,
    resources: { 'a.txt': 'a', 'b.txt': 'b' },
  },
];
