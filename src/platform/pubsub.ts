import type { Redis } from './redis.js';

type Handler = (message: string) => void;

/**
 * Redis pub/sub over one subscriber connection for the whole process. Messages are wake-ups and may be
 * lost (a reconnect, an emptied Redis): whoever listens also looks for itself now and then. After a
 * reconnect every handler is called once with an empty message, because something may have been missed.
 */
export class PubSub {
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  readonly #prefix: string;
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #confirmed = new Map<string, Promise<unknown>>();

  constructor(options: { publisher: Redis; subscriber: Redis; prefix: string }) {
    this.#publisher = options.publisher;
    this.#subscriber = options.subscriber;
    this.#prefix = `${options.prefix}:`;
    this.#subscriber.on('message', (channel: string, message: string) => {
      for (const handler of this.#handlers.get(channel) ?? []) handler(message);
    });
    this.#subscriber.on('ready', () => {
      for (const handlers of this.#handlers.values()) for (const handler of handlers) handler('');
    });
  }

  channel(name: string): string {
    return this.#prefix + name;
  }

  async publish(name: string, message: string): Promise<void> {
    await this.#publisher.publish(this.channel(name), message);
  }

  /** Listens until the returned function is called. Resolves once Redis has confirmed the subscription. */
  async subscribe(name: string, handler: Handler): Promise<() => void> {
    const channel = this.channel(name);
    const handlers = this.#handlers.get(channel);
    if (handlers === undefined) {
      this.#handlers.set(channel, new Set([handler]));
      this.#confirmed.set(channel, this.#subscriber.subscribe(channel));
    } else {
      handlers.add(handler);
    }
    await this.#confirmed.get(channel);
    return () => this.#unsubscribe(channel, handler);
  }

  #unsubscribe(channel: string, handler: Handler): void {
    const handlers = this.#handlers.get(channel);
    if (handlers === undefined || !handlers.delete(handler) || handlers.size > 0) return;
    this.#handlers.delete(channel);
    this.#confirmed.delete(channel);
    this.#subscriber.unsubscribe(channel).catch(() => undefined);
  }
}
