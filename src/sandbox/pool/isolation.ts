import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';

/** What the operating system keeps a guest's process from, beyond what is always in force. */
export interface SandboxIsolation {
  /** `own`: a user that nothing else runs as. `bare root`: the superuser without any of its powers. */
  user: 'own' | 'bare root' | 'as the pool';
  /** It has a network of its own, with nobody in it. */
  network: boolean;
  /** No program it could start would have more powers than it. */
  noNewPrivileges: boolean;
  /** Once it is ready it cannot open anything: no file, no socket, no pipe, nor start a thread or process. */
  sealed: boolean;
}

/** How one process is started, and sealed later. */
export interface Launch {
  /** What stands before the program on its command line. */
  prefix: string[];
  /** Set when spawn itself must change the user; the shell then runs as that user too. */
  spawnAs: number | null;
  /** Whom the process belongs to; null for the pool's own user. */
  owner: number | null;
}

interface Layers {
  user: SandboxIsolation['user'];
  network: boolean;
  /** Who changes user and powers: setpriv, spawn, or nobody. */
  by: 'setpriv' | 'spawn' | 'nobody';
}

const TOOL_FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];

/** Nobody gives people such ids, so a process that gets one at random shares it with nothing else. */
const OWN_USERS = { from: 2 ** 30, to: 2 ** 31 - 1 };

/** A trial takes a few milliseconds; a machine on which it takes this long is better served without. */
const TRIAL_WITHIN_MS = 5_000;

/** Which layers this machine and this user can have; found out once by trying, the strictest first. */
export class Isolation {
  readonly #layers: Layers;
  readonly #tools: Tools;

  private constructor(layers: Layers, tools: Tools) {
    this.#layers = layers;
    this.#tools = tools;
  }

  /** `needed` are the files that a guest's process must be able to read: under a user of its own it may not. */
  static async find(program: string, needed: string): Promise<Isolation> {
    const tools = findTools();
    for (const layers of candidates(tools)) {
      const isolation = new Isolation(layers, tools);
      if (await succeeds(isolation.launch(), program, needed)) return isolation;
    }
    return new Isolation({ user: 'as the pool', network: false, by: 'nobody' }, tools);
  }

  get inForce(): SandboxIsolation {
    const { user, network, by } = this.#layers;
    return { user, network, noNewPrivileges: by === 'setpriv', sealed: this.#tools.prlimit !== null };
  }

  /** The program that seals, if there is one. */
  get sealer(): string | null {
    return this.#tools.prlimit;
  }

  launch(): Launch {
    const { user, network, by } = this.#layers;
    const owner = user === 'own' ? randomInt(OWN_USERS.from, OWN_USERS.to) : null;
    const isRoot = process.getuid?.() === 0 && by !== 'spawn';
    const { unshare, setpriv } = this.#tools;
    const namespaces =
      network && unshare !== null ? [unshare, ...(isRoot ? [] : ['--user']), '--net', '--'] : [];
    const privileges =
      by === 'setpriv' && setpriv !== null ? [setpriv, ...privilegeOptions(user, owner)] : [];
    return { prefix: [...namespaces, ...privileges], spawnAs: by === 'spawn' ? owner : null, owner };
  }
}

type Tools = Record<'setpriv' | 'unshare' | 'prlimit', string | null>;

/** By their full paths: a guest's process starts with an empty environment, so without a PATH. */
function findTools(): Tools {
  const find = (name: string): string | null =>
    TOOL_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
  return { setpriv: find('setpriv'), unshare: find('unshare'), prlimit: find('prlimit') };
}

function candidates({ setpriv, unshare }: Tools): Layers[] {
  const isRoot = process.getuid?.() === 0;
  const changes: Omit<Layers, 'network'>[] = [
    ...(isRoot && setpriv !== null ? [{ user: 'own', by: 'setpriv' } as const] : []),
    ...(isRoot && setpriv === null ? [{ user: 'own', by: 'spawn' } as const] : []),
    ...(isRoot && setpriv !== null ? [{ user: 'bare root', by: 'setpriv' } as const] : []),
    ...(!isRoot && setpriv !== null ? [{ user: 'as the pool', by: 'setpriv' } as const] : []),
    { user: 'as the pool', by: 'nobody' },
  ];
  const networks = unshare === null ? [false] : [true, false];
  return changes.flatMap((change) => networks.map((network) => ({ ...change, network })));
}

function privilegeOptions(user: SandboxIsolation['user'], owner: number | null): string[] {
  const none = ['--inh-caps=-all', '--bounding-set=-all'];
  switch (user) {
    case 'own':
      return [`--reuid=${owner}`, `--regid=${owner}`, '--clear-groups', ...none, '--no-new-privs'];
    case 'bare root':
      // Without "noroot" the kernel gives the superuser its powers back with the next program it starts.
      return ['--securebits=+noroot,+noroot_locked', '--clear-groups', ...none, '--no-new-privs'];
    case 'as the pool':
      return ['--no-new-privs'];
  }
}

/** Whether a process started like this runs at all, and can run the program and read what it needs. */
function succeeds({ prefix, spawnAs }: Launch, program: string, needed: string): Promise<boolean> {
  const trial = ['/bin/sh', '-c', 'test -x "$0" && test -r "$1"', program, needed];
  const [command = '', ...args] = [...prefix, ...trial];
  const identity = spawnAs === null ? {} : { uid: spawnAs, gid: spawnAs };
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: '/',
      env: {},
      stdio: 'ignore',
      timeout: TRIAL_WITHIN_MS,
      killSignal: 'SIGKILL',
      ...identity,
    });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
