import { setTimeout as delay } from 'node:timers/promises';
import { watchOn, type ApiClient, type CastEvent } from '../../support/client.js';

/** The events of one cast as a client has seen them. */
export interface Watched {
  castId: string;
  events: CastEvent[];
  /** The client's clock, so that what happened to Redis meanwhile can be told. */
  endedAtMs: number;
  /** Why there is no end, or null. */
  problem: string | null;
}

const LOOK_AGAIN_AFTER_MS = 150;
// Three attempts that each lose their worker take about twenty seconds; a cast waits for them at most so long.
const END_WITHIN_MS = 120_000;

/**
 * Watches a cast to its end over as many sockets as it takes: each goes on after the last event that was seen. A client
 * that is made anew for each socket finds an API that is up.
 */
export async function watchToEnd(
  client: () => ApiClient,
  castId: string,
  note: (line: string) => void,
): Promise<Watched> {
  const events: CastEvent[] = [];
  const giveUpAtMs = performance.now() + END_WITHIN_MS;
  while (performance.now() < giveUpAtMs) {
    const socket = client().openSocket();
    const timer = setTimeout(() => void socket.dispose(), giveUpAtMs - performance.now());
    try {
      for await (const event of watchOn(socket, castId, events.at(-1)?.cursor)) events.push(event);
      if (events.at(-1)?.__typename === 'CastFinished')
        return { castId, events, endedAtMs: Date.now(), problem: null };
      note(`the stream completed without CastFinished after ${events.at(-1)?.cursor}`);
    } catch (error) {
      const code = findCode(error);
      note(`stream cut after ${events.at(-1)?.cursor ?? 'nothing'}: ${code ?? describe(error)}`);
      if (code !== null && code !== 'UNAVAILABLE' && code !== 'INTERNAL')
        return { castId, events, endedAtMs: Date.now(), problem: `its stream was refused with ${code}` };
    } finally {
      clearTimeout(timer);
      await socket.dispose();
    }
    await delay(LOOK_AGAIN_AFTER_MS);
  }
  return { castId, events, endedAtMs: Date.now(), problem: `no end within ${END_WITHIN_MS} ms` };
}

function findCode(error: unknown): string | null {
  const { errors } = error as { errors?: { extensions?: { code?: string } }[] };
  return errors?.[0]?.extensions?.code ?? null;
}

function describe(error: unknown): string {
  const { code, reason, message } = error as { code?: number; reason?: string; message?: string };
  return [code, reason, message].filter((part) => part !== undefined && part !== '').join(' ');
}
