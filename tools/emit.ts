import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'prettier';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { DataSource } from 'typeorm';
import { createSchema, describeOpenApi, type Services } from '../src/app.js';
import { migrations } from '../migrations/index.js';
import { describeReceipt } from '../src/casts/index.js';
import { describeRunLimits } from '../src/limits/index.js';
import { startEmbeddedPostgres } from '../src/platform/index.js';
import { describeCostTable } from '../src/sandbox/index.js';
import { dumpSchema } from './dump-schema.js';

/** Writes every generated file of the repository, or with --check says which are not what the sources make them. */
export async function generateAll(databaseUrl: string): Promise<Map<string, string>> {
  const openapi = JSON.stringify(await describeOpenApi());
  const receipt = JSON.stringify(describeReceipt());
  return new Map([
    ['schema/schema.graphql', `${printSchema(lexicographicSortSchema(createSchema({} as Services)))}\n`],
    ['schema/openapi.json', await format(openapi, { parser: 'json', printWidth: 110 })],
    ['schema/receipt.schema.json', await format(receipt, { parser: 'json', printWidth: 110 })],
    ['schema/database.sql', await dumpMigrated(databaseUrl)],
    ['docs/fuel.md', await format(describeCostTable(), { parser: 'markdown', printWidth: 110 })],
    ['docs/limits.md', await format(describeRunLimits(), { parser: 'markdown', printWidth: 110 })],
  ]);
}

async function dumpMigrated(url: string): Promise<string> {
  const database = await new DataSource({ type: 'postgres', url, migrations }).initialize();
  try {
    await database.runMigrations();
    return await dumpSchema(database);
  } finally {
    await database.destroy();
  }
}

if (import.meta.main) {
  const folder = await mkdtemp(join(tmpdir(), 'spell-emit-'));
  const postgres = await startEmbeddedPostgres({ folder, isDurable: false, connectionsMax: 20 });
  try {
    for (const [path, text] of await generateAll(postgres.url)) await writeFile(path, text);
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
