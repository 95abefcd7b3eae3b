import { Kind, type DocumentNode } from 'graphql';
import { Gauge, Histogram, LATENCY_BUCKETS_S, type Logger, type Registry } from '../platform/index.js';

/** One log line and one measurement for every operation, on every transport. */
export class OperationMetrics {
  readonly sockets: Gauge;
  readonly #seconds: Histogram<'operation' | 'transport' | 'code'>;
  readonly #logger: Logger;

  constructor(registry: Registry, logger: Logger) {
    this.#logger = logger;
    this.#seconds = new Histogram({
      name: 'spell_graphql_operation_seconds',
      help: 'Time of GraphQL operations by root field, transport and error code, seconds.',
      labelNames: ['operation', 'transport', 'code'],
      buckets: LATENCY_BUCKETS_S,
      registers: [registry],
    });
    this.sockets = new Gauge({
      name: 'spell_graphql_sockets',
      help: 'Open WebSockets.',
      registers: [registry],
    });
  }

  record(
    operation: string,
    transport: 'http' | 'ws' | 'sse',
    codes: readonly string[],
    startedMs: number,
  ): void {
    const latencyMs = Math.round((performance.now() - startedMs) * 10) / 10;
    const status = codes[0] ?? 'OK';
    this.#seconds.observe({ operation, transport, code: status }, latencyMs / 1_000);
    this.#logger.info({ operation, transport, status, latencyMs }, 'graphql operation');
  }
}

/**
 * The root field of a document, for labels. Only call it for documents that were validated: then the name is one of
 * our schema's, while operation names are the client's and without bound.
 */
export function rootFields(document: DocumentNode): string {
  const names = document.definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION
      ? definition.selectionSet.selections.flatMap((node) =>
          node.kind === Kind.FIELD ? [node.name.value] : [],
        )
      : [],
  );
  const unique = [...new Set(names)];
  return unique.length === 1 ? (unique[0] ?? 'none') : unique.length === 0 ? 'none' : 'several';
}
