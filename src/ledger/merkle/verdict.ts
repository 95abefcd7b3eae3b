/** What a verifier says: it holds, or why not, in words for whoever has to decide what to do. */
export type Verdict = { ok: true } | { ok: false; reason: string };

export const VERIFIED: Verdict = { ok: true };

export function refused(reason: string): Verdict {
  return { ok: false, reason };
}
