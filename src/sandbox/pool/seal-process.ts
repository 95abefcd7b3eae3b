import { spawn } from 'node:child_process';

/** Normal is two milliseconds. */
const SEAL_WITHIN_MS = 5_000;

/**
 * Takes from a process that is ready what it needed to become so: from now on it cannot open any descriptor, which is a
 * file, a socket, a pipe or another process' memory, and can start neither threads nor processes. The kernel keeps to
 * that whatever a guest has done to the engine, and it needs no privilege. False when the system did not let us.
 */
export function sealProcess(sealer: string, pid: number, owner: number | null): Promise<boolean> {
  const args = ['--pid', String(pid), '--nofile=0:0', '--nproc=1:1'];
  // Who may not limit the processes of others, as root in a container may not, may still limit its own.
  const identity = owner === null ? {} : { uid: owner, gid: owner };
  return new Promise((resolve) => {
    const child = spawn(sealer, args, {
      cwd: '/',
      env: {},
      stdio: 'ignore',
      timeout: SEAL_WITHIN_MS,
      killSignal: 'SIGKILL',
      ...identity,
    });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
