import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { packFolder, sha256Digest } from '../provenance/index.js';
import { reportPackage } from './report-package.js';
import { parseCommand } from './usage-error.js';

const HELP = `usage: spell pack FOLDER [-o FILE]

Writes the canonical package of a folder, by default <folder>.spell.tar in it, and then checks it like spell check.
`;

export async function pack(args: string[]): Promise<number> {
  const command = parseCommand(args, 'folder', { output: { type: 'string', short: 'o' } });
  if (command === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const folder = command.target;
  const tar = await packFolder(folder);
  const output = command.values.output ?? `${resolve(folder)}/${basename(resolve(folder))}.spell.tar`;
  await writeFile(output, tar);
  process.stdout.write(`${output}  ${tar.length} bytes  ${sha256Digest(tar)}\n`);
  return reportPackage(tar);
}
