import type { FastifyInstance, FastifyReply } from 'fastify';

// Most requests are answered in milliseconds; who waits for a long cast asks again, elsewhere.
const REQUESTS_END_WITHIN_MS = 3_000;
// Who has just connected is about to ask: what it sent may be on its way through this machine.
const SILENT_CONNECTIONS_END_AFTER_MS = 250;
const LOOK_EVERY_MS = 20;

/**
 * How a stop treats those who are connected: streams are cut, because their clients resume elsewhere; requests that are on
 * their way get their answers for a while, because nobody else can give them; idle connections are closed.
 */
export function endConnectionsOnStop(app: FastifyInstance): void {
  const unanswered = new Set<FastifyReply>();
  app.addHook('onRequest', (_request, reply, done) => {
    unanswered.add(reply);
    reply.raw.once('close', () => unanswered.delete(reply));
    done();
  });
  app.addHook('preClose', (done) => {
    const startedMs = performance.now();
    const timer = setInterval(() => {
      for (const reply of unanswered) if (isStream(reply)) reply.raw.destroy();
      const passedMs = performance.now() - startedMs;
      if (passedMs >= REQUESTS_END_WITHIN_MS) app.server.closeAllConnections();
      else if (passedMs >= SILENT_CONNECTIONS_END_AFTER_MS) app.server.closeIdleConnections();
    }, LOOK_EVERY_MS);
    app.server.once('close', () => clearInterval(timer));
    done();
  });
}

function isStream(reply: FastifyReply): boolean {
  return String(reply.getHeader('content-type')).startsWith('text/event-stream');
}
