export { createHttpServer, type App } from './server.js';
export { Origins } from './origins.js';
export { registerHealthRoutes } from './health-routes.js';
export { registerGraphqlRoutes, type GraphqlDeps } from './graphql-routes.js';
export { registerKeyRoutes } from './key-routes.js';
export { registerSpellRoutes } from './spell-routes.js';
export { registerCastRoutes } from './cast-routes.js';
export { registerOpenApiRoute } from './openapi-route.js';
