/** What an entry says to its owner alone: canonical JSON of this object is what the leaf commits to. */
export interface PrivatePart {
  accountId: string;
  subject: string;
  content: unknown;
}

/**
 * The canonical JSON of a private part whose content is canonical JSON already. It is taken as it is: whoever raised the fact
 * has written it so, and nothing that is in it, not even a number beyond what ECMAScript holds, can change on the way or stop the log.
 */
export function writePrivatePart(part: { accountId: string; subject: string; content: string }): string {
  const { accountId, subject, content } = part;
  // Text from PostgreSQL has no half of a surrogate pair, and of all other text this is the canonical form.
  return `{"accountId":"${accountId}","content":${content},"subject":${JSON.stringify(subject)}}`;
}
