import { readFile, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { packFolder, readPackage, sha256Digest } from './provenance/index.js';
import { prepareModule } from './sandbox/index.js';

/** `bin/spell`: what the server does, on a maker's desk. Exit codes: 0 done, 1 refused, 2 wrong use. */
const USAGE = `usage: spell <command>

  pack FOLDER [-o FILE]    write the canonical package of a folder (default: <folder>.spell.tar beside it)
  check PACKAGE            say everything that publishing would refuse
`;

async function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'pack':
      return pack(rest);
    case 'check':
      return check(rest);
    default:
      process.stderr.write(USAGE);
      return command === undefined || command === 'help' || command === '--help' ? 0 : 2;
  }
}

async function pack(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { output: { type: 'string', short: 'o' } },
  });
  const [folder] = positionals;
  if (folder === undefined || positionals.length > 1) return usage();
  const tar = await packFolder(folder);
  const output = values.output ?? `${resolve(folder)}/${basename(resolve(folder))}.spell.tar`;
  await writeFile(output, tar);
  process.stdout.write(`${output}  ${tar.length} bytes  ${sha256Digest(tar)}\n`);
  return report(tar);
}

async function check(args: string[]): Promise<number> {
  const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) return usage();
  return report(await readFile(file));
}

async function report(tar: Buffer): Promise<number> {
  const read = await readPackage(tar);
  const wasm = read.ok ? read.package.wasm : read.wasm;
  const prepared = wasm === undefined ? null : await prepareModule(wasm);
  const problems = [
    ...(read.ok ? [] : read.problems),
    ...(prepared === null || prepared.ok ? [] : prepared.problems),
  ];
  for (const { path, reason } of problems) process.stderr.write(`${path}: ${reason}\n`);
  for (const warning of read.ok ? read.warnings : []) process.stdout.write(`warning: ${warning}\n`);
  return problems.length === 0 ? 0 : 1;
}

function usage(): number {
  process.stderr.write(USAGE);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
