import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import type { Caster } from './measure.js';

const CAST = `mutation ($input: CastInput!) { cast(input: $input) { cast { id } } }`;
const WATCH = `subscription ($castId: ID!) { castEvents(castId: $castId) { __typename ... on CastFinished { cast { status } } } }`;
const READY_WITHIN_MS = 30_000;

/** The whole product as `make up` runs it, in a process of its own, used as an outsider would. */
export async function openProduct(services: {
  databaseUrl: string;
  redisUrl: string;
  dataDir: string;
}): Promise<Caster> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../src/local.js', import.meta.url))], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      DATABASE_URL: services.databaseUrl,
      REDIS_URL: services.redisUrl,
      SPELL_DATA_DIR: services.dataDir,
      SPELL_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the product did not start')), READY_WITHIN_MS);
    child.once('exit', (code) => reject(new Error(`the product ended with ${code}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      if (!chunk.toString().includes('Ready.')) return;
      clearTimeout(timer);
      resolve();
    });
  });
  const local = JSON.parse(await readFile(join(services.dataDir, 'local.json'), 'utf8')) as Record<
    'graphql' | 'ws' | 'apiKey',
    string
  >;
  const authorization = `Bearer ${local.apiKey}`;
  const socket = createClient({
    url: local.ws,
    webSocketImpl: WebSocket,
    lazy: false,
    connectionParams: { authorization },
  });
  const variables = { input: { spell: 'com.spellplatform.word-count', input: 'to be or not to be' } };

  return {
    castOnce: async () => {
      const response = await fetch(local.graphql, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ query: CAST, variables }),
      });
      const { data } = (await response.json()) as { data: { cast: { cast: { id: string } } } };
      const castId = data.cast.cast.id;
      for await (const { data: event } of socket.iterate<Watched>({ query: WATCH, variables: { castId } })) {
        const status = event?.castEvents.cast?.status;
        if (status !== undefined && status !== 'SUCCEEDED') throw new Error(`the cast is ${status}`);
      }
    },
    close: async () => {
      await socket.dispose();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}

interface Watched extends Record<string, unknown> {
  castEvents: { cast?: { status: string } };
}
