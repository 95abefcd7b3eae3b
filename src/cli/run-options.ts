import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { describeExits } from './run-exit.js';
import { describeLimitOptions, LIMIT_OPTIONS } from './run-limits.js';
import { parseCommand, UsageError } from './usage-error.js';

export const RUN_HELP = `usage: spell run MODULE|PACKAGE [options]

Runs a WASI command as a cast runs it: metered, in the same sandbox, with the same limits and the same fuel.

  --input FILE|-       what the guest reads from stdin (default: nothing); "-" is this command's own stdin
  --arg A              one more argument, after argv[0] and those of a package; may be given again (--arg=-x for what begins with "-")
  --env K=V            one more environment variable; may be given again
  --name NAME          argv[0] (default: the key of a package, the file name of a module)
  --dir HOST:GUEST     a copy of the folder HOST, in memory, at GUEST: the guest may change it, HOST stays as it is
  --real               time and randomness of this machine, as a manifest with mode "real" asks for
  --json               no output; at the end one object on stdout: exit, error, fuelUsed, memoryPeakBytes,
                       prepareMs, runMs, totalMs, outputBytes, outputDigest, logBytes

Limits; of a package: what its manifest declares, and no more:
${describeLimitOptions()}

Time and randomness are the same in every run, unless --real or the manifest says otherwise: the clock starts at
2026-01-01, the seed is that of no cast.

The exit code is the guest's own (255 for those above), or, with one line on stderr:
    2  wrong use           and nothing was run
${describeExits()}
`;

const OPTIONS = {
  input: { type: 'string' },
  arg: { type: 'string', multiple: true },
  env: { type: 'string', multiple: true },
  name: { type: 'string' },
  dir: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  real: { type: 'boolean' },
} as const;

/** null when only help was asked for. */
export function parseRun(args: string[]) {
  const command = parseCommand(args, 'module or package', { ...LIMIT_OPTIONS, ...OPTIONS });
  if (command === null) return null;
  const { values } = command;
  return {
    file: command.target,
    limits: values,
    input: values.input,
    args: (values.arg ?? []).map((text) => checked('--arg', text)),
    env: Object.fromEntries((values.env ?? []).map(parseVariable)),
    name: values.name === undefined ? undefined : checked('--name', values.name),
    dirs: values.dir ?? [],
    isJson: values.json ?? false,
    isReal: values.real ?? false,
  };
}

function parseVariable(text: string): [name: string, value: string] {
  const at = checked('--env', text).indexOf('=');
  if (at < 1) throw new UsageError(`--env ${text}: must be NAME=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** A guest sees strings that end at a NUL; what does not come whole must not come at all. */
function checked(option: string, text: string): string {
  if (text.includes('\0')) throw new UsageError(`${option}: may not contain NUL`);
  return text;
}

export async function readInput(name: string | undefined, maxBytes: number): Promise<Buffer> {
  if (name === undefined) return Buffer.alloc(0);
  const source: Readable = name === '-' ? process.stdin : createReadStream(name);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) throw new UsageError(`--input ${name}: this cast takes at most ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks);
}
