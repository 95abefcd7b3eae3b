import type { ServerResponse } from 'node:http';
import { Transform, pipeline, type Readable } from 'node:stream';
import { AppError, Places } from '../platform/index.js';

// Each is an open file and a socket. Counted by whose artifact it is, since an address is used without a key: readers
// of one account's artifacts crowd out nobody else's.
const DOWNLOADS_PER_ACCOUNT_MAX = 16;
// A reader that takes nothing for so long has gone without saying so, or is there to hold its place.
const STALLED_AFTER_MS = 10_000;

/** Who downloads how much at the moment. */
export class DownloadSlots {
  readonly #places = new Places(DOWNLOADS_PER_ACCOUNT_MAX);

  /** Holds a place until the response is over; throws RATE_LIMITED when the account has none left. */
  take(accountId: string, response: ServerResponse): void {
    const leave = this.#places.take(accountId);
    if (leave === null) {
      throw new AppError(
        'RATE_LIMITED',
        `at most ${DOWNLOADS_PER_ACCOUNT_MAX} downloads at once, try again`,
        {
          retryAfterSeconds: STALLED_AFTER_MS / 1_000,
        },
      );
    }
    // Who left while the request was looked at has closed already, and will not again.
    if (response.destroyed) leave();
    else response.once('close', leave);
  }
}

/** Passes bytes on to a response, and ends it when its reader takes none for a while. */
export function endWhenStalled(bytes: Readable, response: ServerResponse): Readable {
  const timer = setTimeout(() => response.destroy(), STALLED_AFTER_MS);
  response.once('close', () => clearTimeout(timer));
  const passage = new Transform({
    transform(chunk, _encoding, done) {
      // It is called for the next piece when the last one was taken.
      timer.refresh();
      done(null, chunk);
    },
  });
  // Whichever side ends early closes the other, the file with it.
  return pipeline(bytes, passage, () => undefined);
}
