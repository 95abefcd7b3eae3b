import { mirrorLog } from '../ledger/offline.js';
import { parseLogAddress } from './audit.js';
import { explainProblem } from './explain-problem.js';
import { readTrustedKeys } from './trusted-keys.js';
import { UsageError, parseOptions } from './usage-error.js';

const HELP = `usage: spell mirror --from URL --to DIR [--key KEY|FILE …] [--origin NAME] [--refetch] [--json]

Copies a ledger into a folder, or brings a copy up to date. URL is where the log is served, as in
https://spell.example.com/v1/ledger. Nothing is stored before it was verified: the checkpoint must be signed and continue the
one that was copied last, tiles must have its root, entries must have the hashes in the tiles. Audit the folder afterwards: that
also follows the chain from entry to entry and holds every checkpoint that was ever kept against it.

  --key KEY|FILE    a key you trust, or a file with one a line; may be given again. Without one the list of keys that the log
                    serves, which may then only grow
  --origin NAME     the name the log must have
  --refetch         fetch and verify again what is there already: is the old part still served as it was?
  --json            one object instead of lines

A checkpoint that is signed and does not continue the copy is kept beside the others, as checkpoints/<size>.fork-<root>, and
the copy stays as it was.

Exit code 0: copied; 1: what is served is not right, with the first bad entry or file; 2: it could not be fetched, or wrong use.
`;

export async function mirror(args: string[]): Promise<number> {
  const values = parseOptions(args, {
    from: { type: 'string' },
    to: { type: 'string' },
    key: { type: 'string', multiple: true },
    origin: { type: 'string' },
    refetch: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  if (values === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const { from, to, key, origin, refetch, json } = values;
  if (from === undefined || to === undefined) throw new UsageError('give --from URL and --to DIR');
  const trusted = (await readTrustedKeys(key ?? [])).map((verifier) => ({ verifier, retiredSize: null }));
  const report = await mirrorLog(parseLogAddress(from), to, {
    ...(trusted.length === 0 ? {} : { trusted }),
    origin: origin ?? null,
    isRefetched: refetch === true,
  });
  if (json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else if (report.ok) process.stdout.write(`${report.size} entries, ${report.fetched} files fetched\n`);
  else process.stderr.write(explainProblem(report.problem));
  if (!report.ok && report.fork !== null && json !== true)
    process.stderr.write(`what it has signed is kept as ${report.fork}\n`);
  return report.ok ? 0 : 1;
}
