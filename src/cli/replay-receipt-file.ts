import { readFile } from 'node:fs/promises';
import { explainNoReplay, verifyReceiptPackage, type ReceiptContent } from '../casts/index.js';
import { verifyReceiptBytes, type ReceiptCheck } from '../casts/offline.js';
import { readReceipt } from './receipt-file.js';
import { compareReplay, replayCast } from './replay-cast.js';

export interface Replay {
  /** Was it run? */
  replayed: boolean;
  same: boolean;
  /** Why it was not run. */
  reason: string | null;
  checks: ReceiptCheck[];
}

/** Runs the cast of a receipt again, if it can be, and compares. */
export async function replayReceiptFile(
  path: string,
  files: { package: string; input?: string | undefined },
): Promise<Replay> {
  const parsed = await readReceipt(path);
  if (!parsed.ok) return impossible(`it is no receipt: ${parsed.reason}`, []);
  return replayFiles(parsed.receipt.content, {
    tar: await readFile(files.package),
    input: files.input === undefined ? Buffer.alloc(0) : await readFile(files.input),
  });
}

async function replayFiles(content: ReceiptContent, files: { tar: Buffer; input: Buffer }): Promise<Replay> {
  const because = explainNoReplay(content);
  if (because !== null) return impossible(because, []);
  const given = [
    await verifyReceiptPackage(content, files.tar),
    verifyReceiptBytes('input', content.input, files.input),
  ];
  if (!given.every(({ ok }) => ok)) return different(given);
  const run = await replayCast(content, files);
  if (!run.ok) return impossible(run.reason, given);
  const checks = [...given, ...compareReplay(content, run)];
  return { replayed: true, same: checks.every(({ ok }) => ok), reason: null, checks };
}

function impossible(reason: string, checks: ReceiptCheck[]): Replay {
  return { replayed: false, same: false, reason, checks };
}

function different(checks: ReceiptCheck[]): Replay {
  return { replayed: false, same: false, reason: null, checks };
}
