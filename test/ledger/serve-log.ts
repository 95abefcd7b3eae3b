import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import fastify from 'fastify';
import { registerLedgerRoutes } from '../../src/http/index.js';
import { LogState, NO_PREVIOUS, writeBundle, writeLeaf, type NoteSigner } from '../../src/ledger/index.js';
import { formatVerifierKey } from '../../src/ledger/note/note-key.js';
import { writeCheckpoint } from '../../src/ledger/note/checkpoint.js';
import { hashLeafText } from '../../src/ledger/merkle/hash.js';
import { TILE_WIDTH, tilePath, tilesOf } from '../../src/ledger/merkle/tile.js';
import type { DataSource } from '../../src/platform/index.js';

export type LogFiles = Map<string, Buffer>;

/** The files of a log of this size; one with a `fork` is another log from that entry on. */
export function makeLog(signer: NoteSigner, size: number, fork = Infinity): LogFiles {
  const state = new LogState();
  const files: LogFiles = new Map();
  const levels: Buffer[][] = [[]];
  const leaves: string[] = [];
  for (let sequence = 0; sequence < size; sequence += 1) {
    const leaf = writeLeaf({
      version: 1,
      sequence,
      kind: 'cast.settled',
      at: '2026-11-22T10:00:00.123Z',
      account: 'A'.repeat(22),
      commitment: `${sequence >= fork ? 'f' : '0'}${sequence.toString(16).padStart(63, '0')}`,
      previous: state.lastLeafHash?.toString('hex') ?? NO_PREVIOUS,
    });
    leaves.push(leaf);
    const hash = hashLeafText(leaf);
    levels[0]?.push(hash);
    for (const { level, root } of state.append(hash)) (levels[level + 1] ??= []).push(root);
  }
  for (const tile of tilesOf(size)) {
    const [first, end] = [tile.index * TILE_WIDTH, tile.index * TILE_WIDTH + tile.width];
    files.set(tilePath(tile), Buffer.concat(levels[tile.level]?.slice(first, end) ?? []));
    if (tile.level === 0)
      files.set(tilePath({ ...tile, level: 'entries' }), writeBundle(leaves.slice(first, end)));
  }
  files.set(
    'checkpoint',
    Buffer.from(writeCheckpoint({ origin: signer.name, size, root: state.root() }, [signer])),
  );
  return files.set(
    'keys',
    keysFile([{ verifier_key: formatVerifierKey(signer), added_size: 0, retired_size: null }]),
  );
}

export function keysFile(keys: object[]): Buffer {
  return Buffer.from(JSON.stringify({ keys }));
}

/** Serves whatever files `current` answers at the moment. */
export function serveFiles(current: () => LogFiles): Promise<string> {
  return listen((request, response) => {
    const bytes = current().get((request.url ?? '').slice(1));
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
}

/** The product's own routes on this connection, which may be inside a transaction. */
export async function serveDatabase(database: DataSource): Promise<string> {
  const app = fastify();
  app.setErrorHandler((error: { code?: string; message: string }, _request, reply) =>
    reply.code(error.code === 'NOT_FOUND' ? 404 : 500).send(error.message),
  );
  registerLedgerRoutes(app, { database });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  after(() => app.close());
  return `${url}/v1/ledger`;
}

async function listen(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
