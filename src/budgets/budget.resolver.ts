import { Arg, Ctx, FieldResolver, Int, Mutation, Resolver, Root, Subscription } from 'type-graphql';
import { AccountType, type RequestContext } from '../accounts/index.js';
import { parsePage, toConnection, type Connection } from '../platform/index.js';
import type { BudgetAlert } from './budget-alert.js';
import {
  DeleteBudgetInput,
  DeleteBudgetPayload,
  DeleteWebhookInput,
  DeleteWebhookPayload,
  SetBudgetInput,
  SetBudgetPayload,
  SetWebhookInput,
  SetWebhookPayload,
} from './budget.inputs.js';
import {
  BudgetAlertType,
  BudgetConnection,
  BudgetType,
  toBudgetAlertType,
  toBudgetType,
} from './budget.type.js';
import { deleteBudget } from './delete-budget.js';
import { deleteWebhook } from './delete-webhook.js';
import { listBudgets } from './list-budgets.js';
import { setBudget, type SetBudgetDeps } from './set-budget.js';
import { setWebhook, type SetWebhookDeps } from './set-webhook.js';
import { showWebhook } from './webhook-store.js';
import { WebhookType } from './webhook.type.js';

export type BudgetDeps = SetBudgetDeps & SetWebhookDeps;

/** The context of a subscription also knows how to watch; a decorator cannot reach a resolver's own fields. */
export interface AlertContext extends RequestContext {
  watchAlerts(signal: AbortSignal): Promise<AsyncIterableIterator<BudgetAlert>>;
  /** Aborted when the transport knows that nobody listens any more. */
  signal?: AbortSignal;
}

@Resolver(() => AccountType)
export class BudgetResolver {
  readonly #deps: BudgetDeps;

  constructor(deps: BudgetDeps) {
    this.#deps = deps;
  }

  @FieldResolver(() => BudgetConnection, { description: 'The account’s budgets, newest first.' })
  async budgets(
    @Ctx() context: RequestContext,
    @Arg('first', () => Int, { nullable: true, description: 'Page size, at most 100.' }) first?: number,
    @Arg('after', () => String, { nullable: true, description: 'The cursor to go on from.' }) after?: string,
  ): Promise<Connection<BudgetType>> {
    const page = parsePage(first, after);
    return toConnection(await listBudgets(this.#deps, context.principal, page), page, toBudgetType);
  }

  @FieldResolver(() => WebhookType, {
    nullable: true,
    description: 'Where budget alerts are sent; null when no webhook is set.',
  })
  webhook(@Ctx() context: RequestContext): Promise<WebhookType | null> {
    return showWebhook(this.#deps, context.principal);
  }

  @Mutation(() => SetBudgetPayload, {
    description: 'Makes a budget or changes its limits. It binds every later cast. Needs the scope admin.',
  })
  async setBudget(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'The budget as it shall be.' }) input: SetBudgetInput,
  ): Promise<SetBudgetPayload> {
    return { budget: toBudgetType(await setBudget(this.#deps, context.principal, input)) };
  }

  @Mutation(() => DeleteBudgetPayload, {
    description: 'Ends a budget. Casts that run are settled as if it had never been. Needs the scope admin.',
  })
  async deleteBudget(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'Which budget.' }) input: DeleteBudgetInput,
  ): Promise<DeleteBudgetPayload> {
    return { budget: toBudgetType(await deleteBudget(this.#deps, context.principal, input)) };
  }

  @Mutation(() => SetWebhookPayload, {
    description: 'Sets where budget alerts are sent, with a new secret. Needs the scope admin.',
  })
  setWebhook(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'The address.' }) input: SetWebhookInput,
  ): Promise<SetWebhookPayload> {
    return setWebhook(this.#deps, context.principal, input);
  }

  @Mutation(() => DeleteWebhookPayload, {
    description: 'Ends the webhook. What was not delivered is not sent any more. Needs the scope admin.',
  })
  async deleteWebhook(
    @Ctx() context: RequestContext,
    @Arg('input', { description: 'Which webhook.' }) input: DeleteWebhookInput,
  ): Promise<DeleteWebhookPayload> {
    return { webhook: await deleteWebhook(this.#deps, context.principal, input) };
  }

  @Subscription(() => BudgetAlertType, {
    description: 'Soft limits and thresholds of your budgets, as they are reached. Needs the scope read.',
    subscribe: ({ context }) => subscribeToAlerts(context as AlertContext),
  })
  budgetAlerts(@Root() alert: BudgetAlertType): BudgetAlertType {
    return alert;
  }
}

/** Leaving ends the watch at once: `return()` of an iterator alone would wait for the alert it is waiting for. */
async function subscribeToAlerts(context: AlertContext): Promise<AsyncIterableIterator<BudgetAlertType>> {
  const left = new AbortController();
  const signal = context.signal === undefined ? left.signal : AbortSignal.any([left.signal, context.signal]);
  const alerts = await context.watchAlerts(signal);
  const source: AsyncIterableIterator<BudgetAlertType> = {
    [Symbol.asyncIterator]: () => source,
    async next() {
      const { done, value } = await alerts.next();
      return done === true ? { done, value: undefined } : { done: false, value: toBudgetAlertType(value) };
    },
    return() {
      left.abort();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return source;
}
