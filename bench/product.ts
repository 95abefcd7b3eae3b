import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writePackage } from '../src/provenance/index.js';

export interface Services {
  databaseUrl: string;
  redisUrl: string;
  dataDir: string;
}

export interface Product {
  graphql: string;
  ws: string;
  pids: Record<string, number>;
  close(): Promise<void>;
}

const READY_WITHIN_MS = 60_000;
// Not secret: what they protect lasts as long as the run.
/** Every secret of the platform that is measured. */
export const KEY = '0'.repeat(64);

/** The product in a process of its own for each name: `local` is API and worker together, as `make up` runs it. */
export async function openProduct(
  services: Services,
  names: readonly ('local' | 'api' | 'worker')[],
): Promise<Product> {
  const children = new Map<string, ChildProcess>();
  const port = await findFreePort();
  for (const name of names) {
    // A worker listens too, for its health and metrics, on a port that nobody asks for here.
    const child = start(name, services, name === 'worker' ? 0 : port);
    children.set(name, child);
    // The first of them migrates; the rest would only wait for it.
    await untilReady(child, name === 'worker' ? null : `http://127.0.0.1:${port}/readyz`);
    if (name === 'local') await untilExists(join(services.dataDir, 'local.json'));
  }
  return {
    graphql: `http://127.0.0.1:${port}/graphql`,
    ws: `ws://127.0.0.1:${port}/graphql`,
    pids: Object.fromEntries([...children].map(([name, child]) => [name, child.pid ?? 0])),
    close: async () => {
      await Promise.all([...children.values()].map(stop));
    },
  };
}

function start(name: string, services: Services, port: number): ChildProcess {
  const flags = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
  const program = fileURLToPath(new URL(`../src/${name}.js`, import.meta.url));
  return spawn(process.execPath, [...flags, program], {
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DATABASE_URL: services.databaseUrl,
      REDIS_URL: services.redisUrl,
      SPELL_DATA_DIR: services.dataDir,
      SPELL_LINK_KEY: KEY,
      SPELL_LEDGER_ORIGIN: 'bench.local/v1/ledger',
      SPELL_LEDGER_SIGNING_KEYS: KEY,
      SPELL_LEDGER_MASTER_KEY: KEY,
      // The limit of casts per account is not what is measured.
      SPELL_CASTS_PER_SECOND: '100000',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function untilReady(child: ChildProcess, url: string | null): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadlineMs) {
    if (child.exitCode !== null) throw new Error(`the product ended with ${child.exitCode}`);
    // A worker says nothing; the first cast waits for it.
    if (url === null) return;
    const isReady = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    await delay(50);
  }
  throw new Error('the product did not start');
}

/** Written when the examples are published, which would otherwise be measured too. */
async function untilExists(path: string): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (performance.now() < deadlineMs) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await delay(50);
  }
  throw new Error(`${path} did not appear`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export const SPELL_KEY = 'com.spellplatform.word-count-priced';
const SOURCE_KEY = 'com.spellplatform.word-count';
const FILES = ['manifest.toml', 'spell.wasm', 'sbom.cdx.json', 'LICENSE', 'README.md'];

/** Publishes the spell that every measurement casts: the example that counts words, for a price, so that budgets hold it. */
export async function publishWordCount(product: Product, apiKey: string): Promise<void> {
  const entries = new Map<string, Buffer>();
  for (const name of FILES) {
    const bytes = await readFile(fileURLToPath(new URL(`../../spells/word-count/${name}`, import.meta.url)));
    entries.set(name, name.endsWith('.wasm') ? bytes : Buffer.from(withPrice(bytes.toString())));
  }
  const response = await fetch(product.graphql.replace('/graphql', '/v1/spells'), {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ package_base64: writePackage(entries).toString('base64') }),
  });
  // Somebody has published it before, and whoever did so, everybody may cast it.
  if (!response.ok && ![403, 409].includes(response.status))
    throw new Error(`publishing failed: ${await response.text()}`);
}

function withPrice(text: string): string {
  return text
    .replaceAll(SOURCE_KEY, SPELL_KEY)
    .replace('model = "free"', 'model = "flat"\nprice_usd = "0.000001"');
}
