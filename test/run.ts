import { spawn } from 'node:child_process';
import { glob, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataSource } from 'typeorm';
import { migrations } from '../migrations/index.js';
import { startEmbeddedPostgres, startEmbeddedRedis } from '../src/platform/index.js';
import { TEMPLATE_DATABASE } from './support/databases.js';

/**
 * Runs the test files (all, or those named as arguments) against one PostgreSQL and one Redis server that are
 * started for this run. Every file clones a database of its own from a template that the migrations have made.
 */
const FILES_AT_ONCE = 2;
const FILE_WITHIN_MS = 300_000;
const CONNECTIONS_MAX = 300;
// The folder that this runner was compiled into: the tests beside it are the ones it runs.
const COMPILED = relative('.', fileURLToPath(new URL('..', import.meta.url)));

const files = await findFiles(process.argv.slice(2));
if (files.length === 0) {
  process.stderr.write(`no test file matches ${process.argv.slice(2).join(' ')}\n`);
  process.exit(1);
}
const folder = await mkdtemp(join(tmpdir(), 'spell-test-'));
const postgres = await startEmbeddedPostgres({
  folder: join(folder, 'postgres'),
  isDurable: false,
  connectionsMax: CONNECTIONS_MAX,
});
const redis = await startEmbeddedRedis(join(folder, 'redis'), process.env['PATH'] ?? '');
try {
  await makeTemplate(postgres.url);
  process.exitCode = await runNode(files);
} finally {
  await redis.stop();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

async function makeTemplate(url: string): Promise<void> {
  const server = await new DataSource({ type: 'postgres', url }).initialize();
  await server.query(`CREATE DATABASE ${TEMPLATE_DATABASE}`);
  await server.destroy();
  const templateUrl = new URL(url);
  templateUrl.pathname = `/${TEMPLATE_DATABASE}`;
  const template = await new DataSource({ type: 'postgres', url: templateUrl.href, migrations }).initialize();
  await template.runMigrations();
  await template.destroy();
}

async function findFiles(named: string[]): Promise<string[]> {
  const patterns = named.length > 0 ? named.map(toCompiled) : [`${COMPILED}/test/**/*.test.js`];
  const files = new Set<string>();
  for (const pattern of patterns) for await (const file of glob(pattern)) files.add(file);
  return [...files].sort();
}

/** `test/keys/foo.test.ts` and `test/keys` are what people type. */
function toCompiled(name: string): string {
  const path = name.startsWith(`${COMPILED}/`) ? name : `${COMPILED}/${name}`;
  if (path.endsWith('.ts')) return path.replace(/\.ts$/, '.js');
  return path.endsWith('.js') ? path : `${path.replace(/\/$/, '')}/**/*.test.js`;
}

function runNode(files: string[]): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      '--test',
      `--test-concurrency=${FILES_AT_ONCE}`,
      `--test-timeout=${FILE_WITHIN_MS}`,
      '--test-reporter=spec',
      ...files,
    ],
    {
      stdio: 'inherit',
      env: { ...process.env, TEST_DATABASE_URL: postgres.url, TEST_REDIS_URL: redis.url, NODE_ENV: 'test' },
    },
  );
  // Whoever ends the run ends what it started too: the servers are stopped when the child has closed.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}
