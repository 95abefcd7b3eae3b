import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Program } from './programs.js';

// Node's own WASI, in a process of its own: the programs are trusted here, but they write to real descriptors.
const HOST = `
const { WASI } = await import('node:wasi');
const { readFileSync } = await import('node:fs');
const [file, resources, env, ...args] = process.argv.slice(1);
const wasi = new WASI({ version: 'preview1', args, env: JSON.parse(env), returnOnExit: true,
  preopens: resources === '' ? {} : { '/resources': resources } });
const module = new WebAssembly.Module(readFileSync(file));
process.exitCode = wasi.start(new WebAssembly.Instance(module, wasi.getImportObject()));`;

export interface UnmeteredRun {
  exitCode: number | null;
  output: string;
  log: string;
  /** The start of Node and the compilation included. */
  durationMs: number;
}

/** Runs the program as it is, with the argv a cast of `key` has. The folder must be empty. */
export async function runUnmetered(program: Program, key: string, folder: string): Promise<UnmeteredRun> {
  const resources = join(folder, 'resources');
  for (const [path, content] of Object.entries(program.resources ?? {})) {
    await mkdir(dirname(join(resources, path)), { recursive: true });
    await writeFile(join(resources, path), content);
  }
  const file = join(folder, 'program.wasm');
  await writeFile(file, program.wasm);
  const preopened = program.resources === undefined ? '' : resources;
  const guest = [file, preopened, JSON.stringify(program.env), key, ...program.args];
  const startMs = performance.now();
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', HOST, '--', ...guest]);
  child.stdin.on('error', () => undefined);
  child.stdin.end(program.input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [output, log, exitCode] = await Promise.all([buffer(child.stdout), buffer(child.stderr), ended]);
  return {
    exitCode,
    output: output.toString(),
    log: log.toString(),
    durationMs: performance.now() - startMs,
  };
}
