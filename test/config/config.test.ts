import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ConfigError, readConfig, readServerConfig } from '../../src/config.js';
import { startProcess } from '../platform/output-of.js';

const NEEDED = {
  DATABASE_URL: 'postgres://someone:word@127.0.0.1:1/spell',
  REDIS_URL: 'redis://127.0.0.1:1',
  SPELL_LINK_KEY: '0'.repeat(64),
  SPELL_LEDGER_ORIGIN: 'spell.example.com/v1/ledger',
  SPELL_LEDGER_SIGNING_KEYS: '1'.repeat(64),
  SPELL_LEDGER_MASTER_KEY: '2'.repeat(64),
};

const BAD: Readonly<Record<string, readonly string[]>> = {
  PORT: ['http', '-1', '65536', '80.5', '', ' 80'],
  SPELL_HOST: [''],
  SPELL_PUBLIC_URL: [
    'example.com',
    'ftp://example.com',
    '',
    'https://example.com/?a=b',
    'https://example.com/#top',
    'https://example.com?',
    'https://me@example.com',
  ],
  SPELL_ALLOWED_ORIGINS: [
    'example.com',
    'https://example.com/',
    'https://example.com/path',
    '*',
    'https://a.example.com https://b.example.com',
  ],
  DATABASE_URL: ['mysql://127.0.0.1/spell', 'spell', ''],
  REDIS_URL: ['http://127.0.0.1', '127.0.0.1:6379', ''],
  SPELL_REDIS_PREFIX: ['Spell', 'a:b', '', 'x'.repeat(41)],
  SPELL_DATABASE_POOL: ['1', '201', 'many', ''],
  SPELL_DATA_DIR: [''],
  SPELL_LINK_KEY: ['0'.repeat(63), 'g'.repeat(64), '0'.repeat(65), ''],
  SPELL_LEDGER_ORIGIN: ['', 'a b', 'a+b', 'x'.repeat(201)],
  SPELL_LEDGER_SIGNING_KEYS: [
    '',
    '0'.repeat(63),
    `${'0'.repeat(64)},`,
    `${'0'.repeat(64)} ${'1'.repeat(64)}`,
  ],
  SPELL_LEDGER_RETIRED_KEYS: ['01234567', 'a+0123456G+AAAA', 'all', ','],
  SPELL_LEDGER_MASTER_KEY: ['', '0'.repeat(63), 'g'.repeat(64)],
  SPELL_SANDBOXES: ['0', '257', 'two'],
  SPELL_CONNECTIONS_MAX: ['9', '1000001', 'all'],
  SPELL_CASTS_PER_SECOND: ['0', '100001', '1.5'],
  SPELL_ATTEMPTS_MAX: ['0', '11', '1e1'],
  SPELL_IDEMPOTENCY_DAYS: ['0', '3651', '1.5'],
  SPELL_WEBHOOK_ALLOW_PRIVATE: ['yes', '1', ''],
  SPELL_LOG_LEVEL: ['INFO', 'verbose', ''],
};

function problemsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return [];
}
const namesOf = (problems: string[]) =>
  problems.map((problem) => problem.split(/[.:]/, 1).join('')).toSorted();

describe('the configuration', () => {
  it('needs nothing for local mode, and has a value for everything', () => {
    const config = readConfig({});
    assert.equal(config.port, 4_000);
    assert.equal(config.host, '127.0.0.1');
    assert.equal(config.logLevel, 'info');
    assert.deepEqual(config.allowedOrigins, []);
    assert.deepEqual(
      [config.databaseUrl, config.redisUrl, config.linkKey, config.publicUrl],
      [null, null, null, null],
    );
  });

  it('needs to know its address when it listens everywhere', () => {
    for (const host of ['0.0.0.0', '::']) {
      const environment = { ...NEEDED, SPELL_HOST: host };
      assert.deepEqual(namesOf(problemsOf(() => readServerConfig(environment))), ['SPELL_PUBLIC_URL']);
      readServerConfig({ ...environment, SPELL_PUBLIC_URL: 'https://api.example.com' });
      readConfig({ SPELL_HOST: host });
    }
  });

  it('reads what is set', () => {
    const config = readServerConfig({
      ...NEEDED,
      PORT: '0',
      SPELL_ALLOWED_ORIGINS: 'https://a.example.com, http://localhost:3000',
      SPELL_PUBLIC_URL: 'https://api.example.com/',
      SPELL_LINK_KEY: 'ab'.repeat(32),
      SPELL_SANDBOXES: '4',
    });
    assert.equal(config.port, 0);
    assert.deepEqual(config.allowedOrigins, ['https://a.example.com', 'http://localhost:3000']);
    assert.equal(config.publicUrl, 'https://api.example.com');
    assert.deepEqual(config.linkKey, Buffer.alloc(32, 0xab));
    assert.equal(config.sandboxes, 4);
  });

  for (const [name, values] of Object.entries(BAD)) {
    it(`refuses ${name} when it is wrong`, () => {
      for (const value of values) {
        const problems = problemsOf(() => readConfig({ [name]: value }));
        assert.deepEqual(
          [...new Set(namesOf(problems))],
          [name],
          `${name}=${value}: ${problems.join(' | ')}`,
        );
      }
    });
  }

  it('every setting has a case above', () => {
    const source = readFileSync('src/config.ts', 'utf8');
    const settings = [...source.matchAll(/^ {2}([A-Z][A-Z_]+):/gm)].map((found) => String(found[1]));
    assert.deepEqual(settings.toSorted(), [...Object.keys(BAD), 'PATH'].toSorted());
  });

  it('names every bad value at once', () => {
    const environment = Object.fromEntries(Object.entries(BAD).map(([name, [value]]) => [name, value]));
    assert.deepEqual(
      [...new Set(namesOf(problemsOf(() => readConfig(environment))))],
      Object.keys(BAD).toSorted(),
    );
  });

  it('refuses a setting that it does not know, for a mistyped setting changes nothing', () => {
    const problems = problemsOf(() =>
      readConfig({ SPELL_SANDBOXS: '4', SPELL_: 'x', spell_host: 'x', HOME: '/root', SPELLING: 'x' }),
    );
    assert.deepEqual(namesOf(problems), ['SPELL_', 'SPELL_SANDBOXS']);
  });

  it('names what is absent together with what is wrong and what is unknown', () => {
    const problems = problemsOf(() =>
      readServerConfig({ REDIS_URL: 'nonsense', PORT: 'x', SPELL_TYPO: '1' }),
    );
    assert.deepEqual(namesOf(problems), [
      'DATABASE_URL',
      'PORT',
      'REDIS_URL',
      'SPELL_LEDGER_MASTER_KEY',
      'SPELL_LEDGER_ORIGIN',
      'SPELL_LEDGER_SIGNING_KEYS',
      'SPELL_LINK_KEY',
      'SPELL_TYPO',
    ]);
  });

  it('never repeats a value, which may be a secret', () => {
    const problems = problemsOf(() =>
      readServerConfig({
        ...NEEDED,
        DATABASE_URL: 'mysql://u:hunter2@h/d',
        SPELL_LINK_KEY: 'hunter2',
        REDIS_URL: 'hunter2',
      }),
    );
    assert.equal(problems.length, 3);
    assert.doesNotMatch(problems.join('\n'), /hunter2/);
  });

  it('is read in one file only', async () => {
    const { glob } = await import('node:fs/promises');
    const readers: string[] = [];
    for await (const file of glob('src/**/*.ts'))
      if (/process\.env\b/.test(readFileSync(file, 'utf8'))) readers.push(file);
    assert.deepEqual(readers, ['src/config.ts']);
  });

  for (const entry of ['api', 'worker'] as const) {
    it(`${entry}.js with settings missing ends with 1 and lists every problem, in words`, async () => {
      const child = startProcess(entry, { SPELL_LOG_LEVEL: 'loud', SPELL_TYPO: '1' });
      const { code } = await child.ended;
      const { stderr, stdout } = child.said();
      assert.equal(code, 1);
      for (const name of ['DATABASE_URL', 'REDIS_URL', 'SPELL_LINK_KEY', 'SPELL_LOG_LEVEL', 'SPELL_TYPO']) {
        assert.match(stderr, new RegExp(`^  - ${name}: .+$`, 'm'));
      }
      assert.doesNotMatch(stderr, /^\s+at |\.js:\d+/m, 'no stack');
      assert.equal(stdout, '');
    });
  }

  it('api.js ends with 1 when PostgreSQL cannot be reached', async () => {
    const child = startProcess('api', NEEDED);
    const { code } = await child.ended;
    assert.equal(code, 1);
    assert.match(child.said().stderr, /ECONNREFUSED/);
    assert.doesNotMatch(child.said().stderr, /word@/, 'and does not tell the password');
  });
});
