import type { DataSource } from 'typeorm';

/**
 * The database schema as SQL, for people and for the drift test. pg_dump is not among the binaries that npm
 * brings, so this asks PostgreSQL's own describing functions, in a fixed order.
 */
export async function dumpSchema(database: DataSource): Promise<string> {
  const tables = await database.query<{ name: string }[]>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname <> 'migrations' ORDER BY relname`,
  );
  const parts = ['-- Made from the migrations by `make generate`; do not edit.'];
  for (const { name } of tables) parts.push(await describeTable(database, name));
  parts.push(...(await describeFunctions(database)));
  return `${parts.join('\n\n')}\n`;
}

async function describeTable(database: DataSource, name: string): Promise<string> {
  const columns = await lines(
    database,
    `SELECT format('  %I %s%s%s%s', attname, format_type(atttypid, atttypmod),
              CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END,
              CASE attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' ELSE '' END,
              coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '')) AS line
       FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    name,
  );
  const constraints = await lines(
    database,
    `SELECT format('  CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS line
       FROM pg_constraint WHERE conrelid = $1::regclass AND contype <> 'n' ORDER BY contype, conname`,
    name,
  );
  const indexes = await lines(
    database,
    `SELECT pg_get_indexdef(indexrelid) || ';' AS line FROM pg_index
      WHERE indrelid = $1::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
      ORDER BY indexrelid::regclass::text`,
    name,
  );
  const triggers = await lines(
    database,
    `SELECT pg_get_triggerdef(oid) || ';' AS line FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal ORDER BY tgname`,
    name,
  );
  const body = [...columns, ...constraints].join(',\n');
  return [`CREATE TABLE ${name} (\n${body}\n);`, ...indexes, ...triggers].join('\n');
}

async function describeFunctions(database: DataSource): Promise<string[]> {
  const rows = await database.query<{ line: string }[]>(
    `SELECT pg_get_functiondef(oid) || ';' AS line FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname`,
  );
  return rows.map((row) => row.line.trim());
}

async function lines(database: DataSource, sql: string, table: string): Promise<string[]> {
  const rows = await database.query<{ line: string }[]>(sql, [table]);
  return rows.map((row) => row.line);
}
