import { mirrorLog } from '../ledger/offline.js';
import { UsageError, parseOptions } from './usage-error.js';

const HELP = `usage: spell mirror --from URL --to DIR [--json]

Copies a ledger into a folder, or brings a copy up to date. URL is where the log is served, as in
https://spell.example.com/v1/ledger. Audit the folder afterwards: copying verifies nothing.

Exit code 0: copied; 2: it could not be fetched, or wrong use.
`;

export async function mirror(args: string[]): Promise<number> {
  const values = parseOptions(args, {
    from: { type: 'string' },
    to: { type: 'string' },
    json: { type: 'boolean' },
  });
  if (values === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const { from, to, json } = values;
  if (from === undefined || to === undefined) throw new UsageError('give --from URL and --to DIR');
  if (!URL.canParse(from) || !/^https?:/.test(from)) throw new UsageError(`${from} is no http address`);
  const done = await mirrorLog(from, to);
  process.stdout.write(
    json === true ? `${JSON.stringify(done)}\n` : `${done.size} entries, ${done.fetched} files fetched\n`,
  );
  return 0;
}
