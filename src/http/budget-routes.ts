import { deleteBudget, listBudgets, setBudget, type Budget, type BudgetDeps } from '../budgets/index.js';
import { readUsage } from '../casts/index.js';
import { badInput, parsePage, toConnection } from '../platform/index.js';
import { withExactNumbers } from './exact-numbers.js';
import type { App } from './server.js';

const tags = ['budgets'];
const MICROS_PER_CENT = 10_000n;
// 10^15 micros, the largest limit there is.
const LIMIT_CENTS_MAX = 100_000_000_000;

const scope = { type: 'string', enum: ['ACCOUNT', 'API_KEY', 'SPELL', 'END_USER'], default: 'ACCOUNT' };
const subject = {
  type: 'string',
  minLength: 1,
  maxLength: 255,
  description: 'Absent for ACCOUNT; else the prefix of a key, the key of a spell, or an end user.',
};
const period = { type: 'string', enum: ['DAILY', 'MONTHLY'] };
const limit = { type: ['integer', 'null'], minimum: 0, maximum: LIMIT_CENTS_MAX };
const cents = { type: 'integer', description: 'Whole cents, rounded up.' };
const nullableCents = { type: ['integer', 'null'], description: 'Whole cents, rounded up.' };
const decimal = { type: 'string', description: 'Micros, exactly, as a decimal.' };
const time = { type: 'string', format: 'date-time' };

const budgetSchema = {
  type: 'object',
  required: ['id', 'scope', 'subject', 'period', 'soft_limit_cents', 'hard_limit_cents', 'notify_thresholds'],
  properties: {
    id: { type: 'string', format: 'uuid' },
    scope,
    subject: { type: ['string', 'null'] },
    period,
    soft_limit_cents: nullableCents,
    hard_limit_cents: nullableCents,
    notify_thresholds: { type: 'array', items: { type: 'integer' } },
    spent_cents: cents,
    held_cents: cents,
    spent_micros: decimal,
    held_micros: decimal,
    soft_limit_micros: { type: ['string', 'null'] },
    hard_limit_micros: { type: ['string', 'null'] },
    period_start: time,
    period_end: time,
  },
};

const bodySchema = {
  type: 'object',
  required: ['period'],
  additionalProperties: false,
  properties: {
    scope,
    subject,
    period,
    soft_limit_cents: { ...limit, description: 'Reaching it is told.' },
    hard_limit_cents: { ...limit, description: 'No cast is accepted that could pass it.' },
    notify_thresholds: {
      type: 'array',
      maxItems: 10,
      items: { type: 'integer', minimum: 1, maximum: 100 },
      description: 'Percentages of the hard limit (else of the soft one) that are told; rising.',
    },
  },
};

interface KeyQuery {
  scope: string;
  subject?: string;
  period: string;
}

interface BudgetBody extends KeyQuery {
  soft_limit_cents?: number | null;
  hard_limit_cents?: number | null;
  notify_thresholds?: number[];
}

type UsageDeps = Parameters<typeof readUsage>[0];

export function registerBudgetRoutes(app: App, deps: BudgetDeps & UsageDeps): void {
  withExactNumbers(app, [['soft_limit_cents'], ['hard_limit_cents']], (scope) => addRoutes(scope, deps));
}

function addRoutes(app: App, deps: BudgetDeps & UsageDeps): void {
  const answer = { type: 'object', required: ['budget'], properties: { budget: budgetSchema } };
  const same = 'the one for this scope, subject and period';
  app.post<{ Body: BudgetBody }>(
    '/v1/budgets',
    {
      schema: {
        summary: `Make a budget, or change ${same}.`,
        tags,
        body: bodySchema,
        response: { 201: answer },
      },
    },
    async (request, reply) => {
      const budget = await setBudget(deps, request.principal, toInput(request.body));
      return reply.code(201).send({ budget: toJson(budget) });
    },
  );

  app.put<{ Body: BudgetBody }>(
    '/v1/budgets',
    { schema: { summary: `Change ${same}, or make it.`, tags, body: bodySchema, response: { 200: answer } } },
    async (request) => ({ budget: toJson(await setBudget(deps, request.principal, toInput(request.body))) }),
  );

  app.get<{ Querystring: { first?: number; after?: string } }>(
    '/v1/budgets',
    {
      schema: {
        summary: 'List the account’s budgets, newest first.',
        tags,
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: { first: { type: 'integer', minimum: 1, maximum: 100 }, after: { type: 'string' } },
        },
        response: {
          200: {
            type: 'object',
            required: ['budgets', 'next'],
            properties: {
              budgets: { type: 'array', items: budgetSchema },
              next: { type: ['string', 'null'] },
            },
          },
        },
      },
    },
    async (request) => {
      const page = parsePage(request.query.first, request.query.after);
      const { edges, pageInfo } = toConnection(
        await listBudgets(deps, request.principal, page),
        page,
        toJson,
      );
      return {
        budgets: edges.map(({ node }) => node),
        next: pageInfo.hasNextPage ? pageInfo.endCursor : null,
      };
    },
  );

  app.delete<{ Querystring: KeyQuery }>(
    '/v1/budgets',
    {
      schema: {
        summary: 'End a budget. Casts that run are settled as if it had never been.',
        tags,
        querystring: {
          type: 'object',
          required: ['period'],
          additionalProperties: false,
          properties: { scope, subject, period },
        },
        response: { 200: answer },
      },
    },
    async (request) => ({ budget: toJson(await deleteBudget(deps, request.principal, request.query)) }),
  );

  app.get<{ Querystring: { from?: string; to?: string } }>(
    '/v1/budgets/usage',
    {
      schema: {
        summary:
          'Calls and cost of settled casts: of this month (UTC), or from one moment until before another.',
        tags,
        querystring: { type: 'object', additionalProperties: false, properties: { from: time, to: time } },
        response: {
          200: {
            type: 'object',
            required: ['total_calls', 'total_cost_cents', 'total_cost_micros', 'total_fuel'],
            properties: {
              total_calls: { type: 'integer' },
              total_cost_cents: cents,
              total_cost_micros: decimal,
              total_fuel: { type: 'string', description: 'A decimal.' },
            },
          },
        },
      },
    },
    async (request) => {
      const { from, to } = request.query;
      const filter = { from: toDate('from', from), to: toDate('to', to), by: [] };
      const [total] = await readUsage(deps, request.principal, filter, { first: 1, after: null });
      return {
        total_calls: Number(total?.calls ?? 0n),
        total_cost_cents: toCents(total?.micros ?? 0n),
        total_cost_micros: String(total?.micros ?? 0n),
        total_fuel: String(total?.fuel ?? 0n),
      };
    },
  );
}

function toInput(body: BudgetBody) {
  return {
    scope: body.scope,
    subject: body.subject ?? null,
    period: body.period,
    softLimitMicros: toMicros(body.soft_limit_cents),
    hardLimitMicros: toMicros(body.hard_limit_cents),
    notifyThresholds: body.notify_thresholds ?? [],
  };
}

function toMicros(amountCents: number | null | undefined): bigint | null {
  return amountCents === null || amountCents === undefined ? null : BigInt(amountCents) * MICROS_PER_CENT;
}

/** Whole cents, rounded up. Below 2^53, because what it is made of is. */
function toCents(micros: bigint): number {
  return Number((micros + MICROS_PER_CENT - 1n) / MICROS_PER_CENT);
}

/** Null when it is absent. The format allows a leap second, which Date does not know. */
function toDate(path: string, text: string | undefined): Date | null {
  if (text === undefined) return null;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw badInput([{ path, reason: 'is no time' }]);
  return date;
}

function toJson(budget: Budget) {
  const { softLimitMicros, hardLimitMicros } = budget;
  return {
    id: budget.id,
    scope: budget.scope,
    subject: budget.subject === '' ? null : budget.subject,
    period: budget.period,
    soft_limit_cents: softLimitMicros === null ? null : toCents(softLimitMicros),
    hard_limit_cents: hardLimitMicros === null ? null : toCents(hardLimitMicros),
    notify_thresholds: budget.notifyThresholds,
    spent_cents: toCents(budget.spentMicros),
    held_cents: toCents(budget.heldMicros),
    spent_micros: budget.spentMicros.toString(),
    held_micros: budget.heldMicros.toString(),
    soft_limit_micros: softLimitMicros?.toString() ?? null,
    hard_limit_micros: hardLimitMicros?.toString() ?? null,
    period_start: budget.periodStart.toISOString(),
    period_end: budget.periodEnd.toISOString(),
  };
}
