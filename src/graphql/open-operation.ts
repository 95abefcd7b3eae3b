import type { GraphQLFormattedError } from 'graphql';
import { inRequestScope, type RequestScope } from '../platform/index.js';
import type { OperationMetrics } from './operation-metrics.js';

/**
 * One operation on a transport that streams. What became of it is known when it ends, not when it was understood, so
 * its log line and its measurement are made then: with the first error that its client got, and the whole time.
 */
export class OpenOperation {
  readonly requestId: string;
  /** The root field, once the document is known to be valid. */
  name = 'invalid';
  readonly #scope: RequestScope;
  readonly #metrics: OperationMetrics;
  readonly #transport: 'ws' | 'sse';
  readonly #startedMs = performance.now();
  #code: string | null = null;
  #hasEnded = false;
  #leave: () => void = () => undefined;

  constructor(metrics: OperationMetrics, transport: 'ws' | 'sse', scope: RequestScope) {
    this.requestId = scope.requestId;
    this.#scope = scope;
    this.#metrics = metrics;
    this.#transport = transport;
  }

  /** What an operation does and logs belongs to its request id, however late it does it. */
  run<T>(work: () => T): T {
    return inRequestScope(this.#scope, work);
  }

  /** Called at the end: gives back the place that the operation has taken. */
  holds(leave: () => void): void {
    this.#leave = leave;
  }

  /** The errors as they are sent to the client. */
  note(errors: readonly GraphQLFormattedError[]): void {
    const code = errors[0]?.extensions?.['code'];
    if (typeof code === 'string') this.#code ??= code;
  }

  /** An operation ends once, whoever notices it first. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#leave();
    const codes = this.#code === null ? [] : [this.#code];
    this.run(() => this.#metrics.record(this.name, this.#transport, codes, this.#startedMs));
  }
}
