import { readFile } from 'node:fs/promises';
import { reportPackage } from './report-package.js';
import { parseCommand } from './usage-error.js';

const HELP = `usage: spell check PACKAGE

Says everything that publishing would refuse. Exit code 0: nothing; 1: what it said.
`;

export async function check(args: string[]): Promise<number> {
  const command = parseCommand(args, 'package', {});
  if (command !== null) return reportPackage(await readFile(command.target));
  process.stdout.write(HELP);
  return 0;
}
