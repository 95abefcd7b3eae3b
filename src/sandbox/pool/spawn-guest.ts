import { spawn, type ChildProcess } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Duplex, Readable } from 'node:stream';
import {
  ENGINE_STACK_KIB,
  GUEST_PROCESS_HEAP_MB,
  INLINED_FUNCTION_BYTES_MAX,
  NICENESS,
  PROCESS_CPU_SECONDS,
  PROCESS_OVERHEAD_BYTES,
  PROCESS_STACK_KIB,
} from '../sandbox-limits.js';
import type { Launch } from './isolation.js';

export const GUEST_PROGRAM = fileURLToPath(new URL('../guest/guest-process.js', import.meta.url));
const SANDBOX_FOLDER = dirname(dirname(GUEST_PROGRAM));

/**
 * Before Node starts, the shell lowers what the operating system allows: no core dumps, no files written, few
 * descriptors, a data segment that holds one guest at its largest ($0, in KiB), and more CPU time than a process of
 * the pool ever gets to use. When memory runs out, the kernel takes it from here first. Where Linux shares processors out among
 * sessions first, and only then among the processes of each, the session gets the niceness of its guest.
 *
 * The watching subshell waits for the end of descriptor 5, whose other end only the pool has. Closing it is how
 * the pool kills; and however the pool's own process dies, the kernel closes it, so that not even a guest in an
 * endless loop stays behind. The shell collects both, which leaves no zombies to a PID 1 that is not an init.
 */
const LAUNCH_SCRIPT = `
{ echo 1000 > /proc/self/oom_score_adj; } 2>/dev/null
{ echo ${NICENESS} > /proc/self/autogroup; } 2>/dev/null
ulimit -c 0; ulimit -f 0; ulimit -n 64; ulimit -t ${PROCESS_CPU_SECONDS}; ulimit -s ${PROCESS_STACK_KIB} || exit 1; ulimit -d "$0" || exit 1
unset PWD OLDPWD
"$@" 5<&- & guest=$!
exec 2>/dev/null 3<&- 4>&-
(read -r line <&5; kill -9 "$guest") & watcher=$!
exec 5<&-
wait "$guest"; status=$?
kill -9 "$watcher"; wait "$watcher"
exit "$status"
`;

const NODE_FLAGS = [
  '--permission',
  `--allow-fs-read=${SANDBOX_FOLDER}`,
  '--no-addons',
  // Without it a signal opens a debugger's port.
  '--disable-sigusr1',
  '--no-warnings',
  '--disallow-code-generation-from-strings',
  '--expose-gc',
  `--max-old-space-size=${GUEST_PROCESS_HEAP_MB}`,
  `--stack-size=${ENGINE_STACK_KIB}`,
  `--wasm-inlining-max-size=${INLINED_FUNCTION_BYTES_MAX}`,
];

/** The pipes of a sandbox process as the pool sees them. */
export interface GuestPipes {
  child: ChildProcess;
  errors: Readable;
  requests: Duplex;
  answers: Duplex;
  /** Destroying it kills the process. */
  lifeline: Duplex;
}

/**
 * Starts a sandbox process in a session of its own, where no Ctrl-C reaches it, with an empty environment. Another
 * program in the guest's place is for tests, which try from inside what it cannot do.
 */
export function spawnGuest(
  maxGuestMemoryBytes: number,
  { prefix, spawnAs }: Launch,
  program: string = GUEST_PROGRAM,
): GuestPipes {
  const dataKib = Math.ceil((maxGuestMemoryBytes + PROCESS_OVERHEAD_BYTES) / 1024);
  const child = spawn(
    '/bin/sh',
    [
      '-c',
      LAUNCH_SCRIPT,
      String(dataKib),
      ...prefix,
      process.execPath,
      ...NODE_FLAGS,
      `--allow-fs-read=${program}`,
      program,
    ],
    {
      cwd: '/',
      env: {},
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      ...(spawnAs === null ? {} : { uid: spawnAs, gid: spawnAs }),
    },
  );
  // A spawn that fails tells so twice; whoever holds the pipes listens, and without pipes there is nobody.
  child.on('error', () => undefined);
  const [, , errors, requests, answers, lifeline] = pipesOf(child);
  if (!errors || !requests || !answers || !lifeline)
    throw new Error('A sandbox process could not be spawned.');
  return { child, errors, requests, answers, lifeline };
}

/** Out of descriptors, Node gives a child without any pipes, against its types. */
function pipesOf(child: ChildProcess): (Duplex | undefined)[] {
  return (child.stdio as unknown as Duplex[] | undefined) ?? [];
}
