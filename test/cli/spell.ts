import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

/** The conformance program: many small cases that use files. */
export const PREVIEW1 = fileURLToPath(
  new URL('../../../test/sandbox/preview1/preview1.wasm', import.meta.url),
);

export interface Finished {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** `bin/spell` as a maker runs it, here or in another folder. */
export function spell(args: string[], input?: Buffer, folder?: string): Promise<Finished> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: 'pipe', cwd: folder });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A command that refuses before it reads breaks the pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve) => {
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

/** The same, with what comes as it comes. */
export function startSpell(args: string[]) {
  return spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A folder for one test file. */
export class Desk {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async set(): Promise<Desk> {
    return new Desk(await mkdtemp(join(tmpdir(), 'spell-cli-')));
  }

  async file(name: string, content: Uint8Array | string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, content);
    return path;
  }

  clear(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
