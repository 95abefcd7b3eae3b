import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatError } from '../../src/graphql/format-error.js';
import { toProblem } from '../../src/http/problems.js';
import { AppError, ERROR_STATUS, createLogger, type ErrorCode } from '../../src/platform/index.js';

// The public catalogue. A code may come later, but none may mean something else.
const CONTRACT: Readonly<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  CSRF_FAILED: 403,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  IDEMPOTENCY_MISMATCH: 422,
  SPELL_REJECTED: 422,
  BUDGET_EXCEEDED: 402,
  INSUFFICIENT_CREDIT: 402,
  RATE_LIMITED: 429,
  QUERY_REFUSED: 400,
  UNAVAILABLE: 503,
  INTERNAL: 500,
};

const PAGE = 'docs/errors.md';
const codes = Object.keys(ERROR_STATUS) as ErrorCode[];
const silent = createLogger({ level: 'silent', name: 'test' });

describe('the catalogue of errors', () => {
  it('gives every code the status of the contract', () => {
    for (const code of codes) assert.equal(ERROR_STATUS[code], CONTRACT[code], code);
  });

  it('is explained code by code, and nothing else is', () => {
    assert.ok(existsSync(PAGE), `${PAGE} is not there`);
    const sections = [...readFileSync(PAGE, 'utf8').matchAll(/^## ([A-Z_]+)\s*$/gm)].map((found) =>
      String(found[1]),
    );
    assert.deepEqual(sections.toSorted(), codes.toSorted());
  });

  for (const code of codes) {
    it(`${code}: both edges say the same`, () => {
      const error = new AppError(code, 'a sentence', { detail1: 7, problems: [{ path: 'a', reason: 'b' }] });
      const { problem } = toProblem(error);
      const { message, extensions } = formatError(error, silent);
      const { type, title, status, detail, ...shared } = problem;
      assert.equal(status, ERROR_STATUS[code]);
      assert.equal(detail, message);
      assert.deepEqual(shared, extensions);
      assert.equal(shared.code, code);
      assert.notEqual(title, '');
      assert.match(type, /^urn:spellplatform:error:[a-z-]+$/);
    });
  }

  it('details cannot take the place of what every problem has', () => {
    const error = new AppError('NOT_FOUND', 'gone', {
      code: 'OK',
      requestId: 'mine',
      status: 200,
      title: 'fine',
      type: 'x',
      detail: 'y',
    });
    const { problem } = toProblem(error);
    assert.equal(problem.code, 'NOT_FOUND');
    assert.equal(problem.requestId, null);
    assert.equal(problem.status, 404);
    assert.equal(problem.detail, 'gone');
    assert.equal(formatError(error, silent).extensions?.['code'], 'NOT_FOUND');
  });

  it('RATE_LIMITED tells HTTP clients when to come back', () => {
    assert.deepEqual(toProblem(new AppError('RATE_LIMITED', 'x', { retryAfterSeconds: 7 })).headers, {
      'retry-after': '7',
    });
    assert.deepEqual(toProblem(new AppError('NOT_FOUND', 'x')).headers, {});
  });

  it('anything else is INTERNAL, and its text stays inside', () => {
    for (const thrown of [
      new Error('the password is hunter2'),
      'hunter2',
      { message: 'hunter2' },
      null,
      undefined,
    ]) {
      const { problem } = toProblem(thrown);
      assert.equal(problem.code, 'INTERNAL');
      assert.doesNotMatch(JSON.stringify(problem), /hunter2/);
      const formatted = formatError(thrown, silent);
      assert.equal(formatted.extensions?.['code'], 'INTERNAL');
      assert.doesNotMatch(JSON.stringify(formatted), /hunter2/);
    }
  });

  it('a service that cannot be reached is UNAVAILABLE', () => {
    for (const code of ['ECONNREFUSED', 'ECONNRESET', '57P01', '53300']) {
      assert.equal(toProblem(Object.assign(new Error('x'), { code })).problem.code, 'UNAVAILABLE', code);
      assert.equal(
        toProblem(Object.assign(new Error('x'), { driverError: { code } })).problem.code,
        'UNAVAILABLE',
        code,
      );
    }
  });
});
