import type { App } from './server.js';

/** The description of every route above, made from the routes themselves. */
export function registerOpenApiRoute(app: App): void {
  app.get('/v1/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
