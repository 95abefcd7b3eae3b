// The layers of docs/ARCHITECTURE.md as rules. Imports point right only, and through a folder's door.
const layers = [
  ['graphql', 'http'],
  ['privacy'],
  ['casts', 'billing'],
  ['spells', 'keys', 'budgets'],
  ['accounts'],
  ['ledger', 'sandbox', 'provenance'],
  ['platform', 'limits'],
];
const rooms = layers.flat();
const entries = '^src/((api|worker|single|local|cli|app|config|process|local-app|folder-lock)\\.ts$|cli/)';

/** A room may import itself and the rooms of layers to its right; nothing to its left and no neighbour. */
const directions = layers.flatMap((layer, level) =>
  layer.map((room) => {
    const allowed = layers.slice(level + 1).flat();
    return {
      name: `${room}-imports-right-only`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: {
        path: '^(src|migrations|test|bench|tools|demo)/',
        pathNot: [room, ...allowed].map((name) => `^src/${name}/`),
      },
    };
  }),
);

/** Two at most: index.ts, and offline.ts for command lines, which must not wait for the libraries of a server. */
const doors = rooms.map((room) => ({
  name: `${room}-through-its-door`,
  severity: 'error',
  from: { path: '^(src|tools|demo|bench)/', pathNot: `^src/${room}/` },
  to: { path: `^src/${room}/`, pathNot: `^src/${room}/(index|offline)\\.ts$` },
}));

/** One importer each, so that a library is replaced in one place. */
const importers = Object.entries({
  'bullmq|ioredis|pg': ['platform'],
  '@sigstore/[^/]+|sigstore': ['provenance'],
  stripe: ['billing'],
  '@apollo/server|graphql-ws|graphql-sse|ws|@graphql-yoga/render-graphiql': ['graphql'],
  'fastify|@fastify/[^/]+': ['http'],
  'pino|prom-client|uuid|rate-limiter-flexible': ['platform'],
}).map(([library, owners]) => ({
  name: `${library.split('|')[0]}-has-one-importer`,
  severity: 'error',
  from: { path: '^src/', pathNot: owners.map((room) => `^src/${room}/`) },
  to: { path: `^node_modules/(${library})(/|$)` },
}));

module.exports = {
  forbidden: [
    ...directions,
    ...doors,
    ...importers,
    {
      name: 'nothing-imports-entry-points',
      severity: 'error',
      from: { path: `^src/(${rooms.join('|')})/` },
      to: { path: entries },
    },
    { name: 'no-cycles', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'the-sandbox-guest-imports-nothing-outside',
      severity: 'error',
      from: { path: '^src/sandbox/(guest|wasi)/' },
      to: {
        pathNot: [
          '^src/sandbox/',
          '^(node:)?(fs|crypto|worker_threads|path|url|buffer|os|perf_hooks|v8|process)$',
        ],
      },
    },
    { name: 'no-unresolved', severity: 'error', from: { path: '^src/' }, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies-in-src',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/platform/(npm-valkey|embedded-postgres)\\.ts$' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
