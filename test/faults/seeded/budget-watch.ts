import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from '../../../src/platform/index.js';
import { CHANGING_END_USER } from './plan.js';

// Short beside a cast's life; a look costs about a millisecond.
const LOOK_EVERY_MS = 40;

interface Wrong {
  account_id: string;
  problem: string;
}

/** Looks at every budget all the time: never over its hard limit, and never holding more or less than its open casts. */
export class BudgetWatch {
  readonly #database: DataSource;
  readonly #found = new Map<string, Set<string>>();
  #looks = 0;
  #isOver = false;
  readonly #looking: Promise<void>;

  constructor(database: DataSource) {
    this.#database = database;
    this.#looking = this.#look();
  }

  get looks(): number {
    return this.#looks;
  }

  problemsOf(accountIds: string[]): string[] {
    return accountIds.flatMap((id) => [...(this.#found.get(id) ?? [])]);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#isOver) {
      // While PostgreSQL is away there is nothing to see.
      const wrong = await this.#database.query<Wrong[]>(FIND_WRONG).catch(() => []);
      this.#looks += 1;
      for (const { account_id: accountId, problem } of wrong) {
        const problems = this.#found.get(accountId) ?? new Set();
        this.#found.set(accountId, problems.add(problem));
      }
      await delay(LOOK_EVERY_MS);
    }
  }
}

// A limit that is lowered may be below what is spent.
const FIND_WRONG = `
  SELECT b.account_id, format('%s budget over its limit: spent %s, held %s, limit %s', b.scope, p.spent_micros,
                              p.held_micros, b.hard_limit_micros) AS problem
    FROM budget_periods p JOIN budgets b ON b.id = p.budget_id
   WHERE p.spent_micros + p.held_micros > b.hard_limit_micros AND b.subject <> '${CHANGING_END_USER}'
  UNION ALL
  SELECT b.account_id, format('%s budget holds %s micros more than its open casts', b.scope, d.difference_micros)
    FROM hold_differences() AS d JOIN budget_periods p ON p.id = d.period_id JOIN budgets b ON b.id = p.budget_id`;
