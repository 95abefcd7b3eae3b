import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError, notFound, type Clock, type DataSource, type Digest } from '../platform/index.js';
import type { CastEntity } from './cast.entity.js';
import { loadCasts } from './cast-store.js';

// Long enough to start a download, short enough that a leaked address is soon worthless.
const LINK_LIFETIME_MS = 15 * 60_000;

/** Makes and checks download addresses of artifacts. Whoever holds an address may download until it expires. */
export class ArtifactLinks {
  readonly #key: Buffer;
  /** What addresses begin with; set once the server knows its port, when it was not configured. */
  publicUrl: string;
  readonly #clock: Clock;

  constructor(options: { key: Buffer; publicUrl: string; clock: Clock }) {
    this.#key = options.key;
    this.publicUrl = options.publicUrl;
    this.#clock = options.clock;
  }

  create(castId: string): { url: string; expiresAt: Date } {
    const expiresAt = new Date(this.#clock.now().getTime() + LINK_LIFETIME_MS);
    const expires = Math.floor(expiresAt.getTime() / 1_000);
    const signature = this.#sign(castId, expires).toString('base64url');
    return {
      url: `${this.publicUrl}/v1/artifacts/${castId}?expires=${expires}&signature=${signature}`,
      expiresAt,
    };
  }

  check(castId: string, expires: number, signature: string): boolean {
    const expected = this.#sign(castId, expires);
    const given = Buffer.from(signature, 'base64url');
    const isGenuine = given.length === expected.length && timingSafeEqual(given, expected);
    return isGenuine && expires * 1_000 > this.#clock.now().getTime();
  }

  #sign(castId: string, expires: number): Buffer {
    return createHmac('sha256', this.#key).update(`artifact\n${castId}\n${expires}`).digest();
  }
}

/** The cast whose output is behind a download address, and the digest of that output. */
export async function findArtifact(
  deps: { database: DataSource; links: ArtifactLinks },
  input: { castId: string; expires: number; signature: string },
): Promise<{ cast: CastEntity; digest: Digest }> {
  if (!deps.links.check(input.castId, input.expires, input.signature)) {
    throw new AppError('FORBIDDEN', 'this download address is not valid or has expired');
  }
  const [cast] = await loadCasts(deps.database, [input.castId]);
  if (!cast?.outputIsArtifact || cast.outputDigest === null) throw notFound('artifact');
  return { cast, digest: cast.outputDigest };
}
