import { readFile, writeFile } from 'node:fs/promises';
import { prepareModule, type PreparedModule } from '../sandbox/index.js';
import { digestOf } from './digest.js';
import { parseCommand } from './usage-error.js';

const HELP = `usage: spell meter MODULE [-o FILE] [--json]

Rewrites a module as publishing does, so that it counts its fuel, and says what was done. Without -o nothing is written.

  -o, --output FILE   where the metered module goes
  --json              one object instead of lines

Exit code 0: metered; 1: refused, with every reason; 2: wrong use.
`;

type Metered = Extract<PreparedModule, { ok: true }>;

export async function meter(args: string[]): Promise<number> {
  const options = { output: { type: 'string', short: 'o' }, json: { type: 'boolean' } } as const;
  const command = parseCommand(args, 'module', options);
  if (command === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const { output, json } = command.values;
  const bytes = await readFile(command.target);
  const prepared = await prepareModule(bytes);
  if (!prepared.ok) {
    if (json) print({ ok: false, problems: prepared.problems });
    else for (const { path, reason } of prepared.problems) process.stderr.write(`${path}: ${reason}\n`);
    return 1;
  }
  if (output !== undefined) await writeFile(output, prepared.bytes);
  const summary = summarize(bytes, prepared);
  if (json) print({ ok: true, ...summary });
  else process.stdout.write(describe(summary));
  return 0;
}

function summarize(bytes: Uint8Array, prepared: Metered) {
  const { costTable, initialPages, maximumPages, imports } = prepared;
  return {
    moduleBytes: bytes.length,
    moduleDigest: digestOf(bytes),
    meteredBytes: prepared.bytes.length,
    meteredDigest: digestOf(prepared.bytes),
    growthPercent: Math.round((prepared.bytes.length / bytes.length - 1) * 1_000) / 10,
    costTable,
    initialPages,
    maximumPages,
    imports,
  };
}

function describe(summary: ReturnType<typeof summarize>): string {
  const { moduleBytes, meteredBytes, growthPercent, maximumPages } = summary;
  const lines = [
    `module      ${moduleBytes} bytes  ${summary.moduleDigest}`,
    `metered     ${meteredBytes} bytes  ${summary.meteredDigest}  (${growthPercent > 0 ? '+' : ''}${growthPercent} %)`,
    `cost table  version ${summary.costTable}`,
    `memory      ${summary.initialPages} pages of 64 KiB at the start, at most ${maximumPages ?? 'what its limit allows'}`,
    `imports     ${summary.imports.length === 0 ? 'none' : summary.imports.join('\n            ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
