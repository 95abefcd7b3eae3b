import { stat } from 'node:fs/promises';
import { auditLog, folderSource, httpSource, type AuditReport, type FileSource } from '../ledger/offline.js';
import { explainProblem } from './explain-problem.js';
import { LOCAL_KEYS, NOT_PINNED_EXIT, findTrustedKeys } from './trusted-keys.js';
import { UsageError, parseOptions } from './usage-error.js';

const HELP = `usage: spell audit --mirror DIR | --from URL [--key KEY|FILE …] [--origin NAME] [--unpinned] [--json]

Recomputes a whole ledger from its files and says whether every entry, every tile, every signature and every checkpoint that
was kept holds together. Of a mirror it uses neither server nor database.

  --mirror DIR      the files as served under /v1/ledger; \`spell mirror\` makes such a folder
  --from URL        the same straight from where they are served; no checkpoint that was kept takes part
  --key KEY|FILE    a key you trust, <name>+<id>+<base64>, or a file with one a line; may be given again. Without one
                    ${LOCAL_KEYS} is believed, which \`make up\` writes
  --origin NAME     the name the log must have
  --unpinned        believe the log's own list of keys, which says only that the log agrees with itself
  --json            one object instead of lines

Exit code 0: all of it holds; 1: it does not, with the first bad entry or file; 2: wrong use, or it cannot be read;
4: it agrees with itself, but no key of yours has vouched for it.
`;

export async function audit(args: string[]): Promise<number> {
  const values = parseOptions(args, {
    mirror: { type: 'string' },
    from: { type: 'string' },
    key: { type: 'string', multiple: true },
    origin: { type: 'string' },
    unpinned: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  if (values === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const source = await openSource(values);
  const found = await findTrustedKeys(values.key ?? []);
  const trusted = found?.keys.map((verifier) => ({ verifier, retiredSize: null }));
  const report = await auditLog(source, {
    ...(trusted === undefined ? {} : { trusted }),
    origin: values.origin ?? null,
  });
  const pinned = found !== null;
  const isBelieved = pinned || values.unpinned === true;
  if (values.json === true)
    process.stdout.write(`${JSON.stringify({ ...report, ok: report.ok && isBelieved, pinned })}\n`);
  else explain(report, found?.from ?? null);
  if (!report.ok) return 1;
  if (!isBelieved) process.stderr.write(NOT_PINNED);
  return isBelieved ? 0 : NOT_PINNED_EXIT;
}

const NOT_PINNED =
  'NOT VERIFIED: no key was given. Whoever made these files chose the keys in them: give --key, or --unpinned if that will do.\n';

async function openSource({ mirror, from }: { mirror?: string; from?: string }): Promise<FileSource> {
  if ((mirror === undefined) === (from === undefined))
    throw new UsageError('which mirror? give --mirror DIR, or --from URL');
  if (mirror === undefined) return httpSource(parseLogAddress(from ?? ''));
  if (!(await stat(mirror)).isDirectory()) throw new UsageError(`${mirror} is no folder`);
  return folderSource(mirror);
}

export function parseLogAddress(from: string): string {
  if (!URL.canParse(from) || !/^https?:/.test(from)) throw new UsageError(`${from} is no http address`);
  return from;
}

function explain(report: AuditReport, keysFrom: string | null): void {
  if (!report.ok) {
    process.stderr.write(explainProblem(report.problem));
    return;
  }
  const lines = [
    `log          ${report.origin}`,
    `entries      ${report.size}, each in its place and chained to the one before`,
    `root         ${report.rootHash}`,
    `checkpoints  the newest and ${report.checkpoints} kept ones hold`,
    `keys         ${keysFrom ?? 'from the log itself'}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
