import type { Registry } from '../platform/index.js';
import type { App } from './server.js';

export interface HealthDeps {
  version: string;
  registry: Registry;
  /** Asks each service this process cannot work without; false when one does not answer in time. */
  checks: Readonly<Record<string, () => Promise<boolean>>>;
}

const open = { security: [] };

/** Is it alive, can it work, how is it doing. */
export function registerHealthRoutes(app: App, deps: HealthDeps): void {
  app.get('/healthz', { schema: { ...open, summary: 'Is the process alive?', tags: ['health'] } }, () => ({
    status: 'ok',
    version: deps.version,
  }));
  app.get(
    '/readyz',
    { schema: { ...open, summary: 'Do PostgreSQL and Redis answer?', tags: ['health'] } },
    async (_request, reply) => {
      const entries = await Promise.all(
        Object.entries(deps.checks).map(
          async ([name, check]) => [name, (await check()) ? 'ok' : 'unavailable'] as const,
        ),
      );
      const isReady = entries.every(([, state]) => state === 'ok');
      return reply
        .code(isReady ? 200 : 503)
        .send({ status: isReady ? 'ok' : 'unavailable', checks: Object.fromEntries(entries) });
    },
  );
  app.get(
    '/metrics',
    { schema: { ...open, summary: 'Metrics in the Prometheus text format', tags: ['health'] } },
    async (_request, reply) => reply.type(deps.registry.contentType).send(await deps.registry.metrics()),
  );
}
