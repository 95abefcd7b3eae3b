import { stat } from 'node:fs/promises';
import { auditLog, folderSource, type AuditReport } from '../ledger/offline.js';
import { readKeys } from './trusted-keys.js';
import { UsageError, parseOptions } from './usage-error.js';

const HELP = `usage: spell audit --mirror DIR [--key KEY|FILE …] [--origin NAME] [--json]

Recomputes a whole ledger from a mirror of its files and says whether every entry, every tile, every signature and every
checkpoint that was kept holds together. Uses no server and no database.

  --mirror DIR      the files as served under /v1/ledger; \`spell mirror\` makes such a folder
  --key KEY|FILE    a key you trust, <name>+<id>+<base64>, or a file with one a line; may be given again. Without one, the mirror's own list is used,
                    which says only that the log agrees with itself
  --origin NAME     the name the log must have
  --json            one object instead of lines

Exit code 0: all of it holds; 1: it does not, with the first bad entry or file; 2: wrong use.
`;

export async function audit(args: string[]): Promise<number> {
  const values = parseOptions(args, {
    mirror: { type: 'string' },
    key: { type: 'string', multiple: true },
    origin: { type: 'string' },
    json: { type: 'boolean' },
  });
  if (values === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const { mirror, key, origin, json } = values;
  if (mirror === undefined) throw new UsageError('which mirror? give --mirror DIR');
  if (!(await stat(mirror)).isDirectory()) throw new UsageError(`${mirror} is no folder`);
  const keys = key === undefined ? undefined : (await Promise.all(key.map(readKeys))).flat();
  const trusted = keys?.map((verifier) => ({ verifier, retiredSize: null }));
  const report = await auditLog(folderSource(mirror), {
    ...(trusted === undefined ? {} : { trusted }),
    origin: origin ?? null,
  });
  if (json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else explain(report, trusted !== undefined);
  return report.ok ? 0 : 1;
}

function explain(report: AuditReport, isKeyGiven: boolean): void {
  if (!report.ok) {
    const { sequence, file, reason } = report.problem;
    process.stderr.write(`${file}: ${sequence === null ? '' : `entry ${sequence}: `}${reason}\n`);
    return;
  }
  const lines = [
    `log          ${report.origin}`,
    `entries      ${report.size}, each in its place and chained to the one before`,
    `root         ${report.rootHash}`,
    `checkpoints  the newest and ${report.checkpoints} kept ones hold`,
    `keys         ${isKeyGiven ? 'as given' : 'from the mirror itself; give --key to trust only yours'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
