import type { ReceiptContent } from './receipt.js';

/** Why nobody can run this cast again and expect the same; null when everybody can. */
export function explainNoReplay({ run, ending }: ReceiptContent): string | null {
  if (run.mode === 'real') return 'it ran in real mode: its time and chance were the host’s, and are gone';
  if (ending.status === 'CANCELED') return 'it was canceled: where it stopped was chance';
  if (ending.errorCode === 'DEADLINE_EXCEEDED')
    return 'it was stopped by a clock: how far it came was chance';
  if (ending.errorCode === 'WORKER_LOST') return 'its workers were lost: it never ended by itself';
  if (ending.fuelUsed === null)
    return 'it was killed before it could tell its fuel: there is nothing to compare';
  return null;
}
