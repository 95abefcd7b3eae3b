import { bodyBytes, type StreamEntry } from '../platform/index.js';
import { fromStreamEntry, type CastEvent } from './cast-events.js';

// Someone who reads slower than the cast writes reads the stream itself instead.
const HEARD_EVENTS_MAX = 256;
const HEARD_BYTES_MAX = 256 * 1024;

/**
 * The end of one cast's events as it is heard of, and a bell for whoever waits for more. Events are handed out only
 * while none is missing before them; else the stream has to be read.
 */
export class EventTail {
  #heard: CastEvent[] = [];
  #heardBytes = 0;
  // Something may have been said before anybody listened.
  #hasGap = true;
  #hasRung = false;
  #wake: (() => void) | null = null;

  get hasRung(): boolean {
    return this.#hasRung;
  }

  hear(entries: StreamEntry[] | null): void {
    this.#heardBytes += bodyBytes(entries ?? []);
    const isTooMuch =
      this.#heard.length + (entries?.length ?? 0) > HEARD_EVENTS_MAX || this.#heardBytes > HEARD_BYTES_MAX;
    if (entries === null || isTooMuch) {
      this.#forget();
      this.#hasGap = true;
    } else {
      this.#heard.push(...entries.map(fromStreamEntry));
    }
    this.ring();
  }

  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  /** The events heard of that follow the one with this sequence, or null when the stream must be read. */
  takeAfter(sequence: number | null): CastEvent[] | null {
    const heard = this.#heard;
    this.#forget();
    this.#hasRung = false;
    if (this.#hasGap || sequence === null) return null;
    let next = sequence + 1;
    const following: CastEvent[] = [];
    for (const event of heard) {
      if (event.sequence < next) continue;
      if (event.sequence > next) {
        this.#hasGap = true;
        break;
      }
      following.push(event);
      next += 1;
    }
    return following.length === 0 && this.#hasGap ? null : following;
  }

  #forget(): void {
    this.#heard = [];
    this.#heardBytes = 0;
  }

  /** Nothing is missing up to now: what is heard from here on follows what the caller has. */
  closeGap(): void {
    this.#hasGap = false;
  }

  openGap(): void {
    this.#hasGap = true;
  }

  /** True when something was heard, false when the time passed first. */
  async wait(timeoutMs: number): Promise<boolean> {
    if (!this.#hasRung) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, timeoutMs);
      });
      clearTimeout(timer);
      this.#wake = null;
    }
    return this.#hasRung;
  }
}
