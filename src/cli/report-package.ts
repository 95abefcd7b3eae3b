import { readPackage } from '../provenance/index.js';
import { prepareModule } from '../sandbox/index.js';

/** Says everything that publishing would refuse; the exit code says whether there was anything. */
export async function reportPackage(tar: Buffer): Promise<number> {
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
