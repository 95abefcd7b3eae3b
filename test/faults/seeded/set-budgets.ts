import type { SeededAccount } from '../../support/seed.js';
import { BUDGETED_END_USER, BUDGETED_SPELL, type BudgetPlan } from './plan.js';
import type { SpellKeys } from './spells.js';

const SET_BUDGET = `mutation SetBudget($input: SetBudgetInput!) { setBudget(input: $input) { budget { id } } }`;

/** Sets the budgets of a plan through the API, as the accounts' owners do. */
export async function setBudgets(
  budgets: BudgetPlan[],
  accounts: SeededAccount[][],
  spells: SpellKeys,
): Promise<void> {
  for (const { account, scope, period, hardLimitMicros } of budgets) {
    const owner = accounts[account]?.[0];
    if (owner === undefined) throw new Error(`there is no account ${account}`);
    const subject = {
      ACCOUNT: null,
      API_KEY: owner.keyPrefix,
      SPELL: spells[BUDGETED_SPELL],
      END_USER: BUDGETED_END_USER,
    }[scope];
    const input = { scope, subject, period, hardLimitMicros: hardLimitMicros.toString() };
    const { errors } = await owner.client.askText(SET_BUDGET, { input });
    if (errors.length > 0) throw new Error(`the budget was not set: ${JSON.stringify(errors)}`);
  }
}
