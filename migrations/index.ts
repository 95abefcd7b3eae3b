import { AccountsAndKeys20261122080000 } from './20261122080000-accounts-and-keys.js';
import { Grimoire20261122080100 } from './20261122080100-grimoire.js';
import { Casts20261122080200 } from './20261122080200-casts.js';
import { CastLimits20261122090000 } from './20261122090000-cast-limits.js';
import { Budgets20261122100000 } from './20261122100000-budgets.js';
import { AcceptCasts20261122100100 } from './20261122100100-accept-casts.js';
import { SettleCasts20261122100200 } from './20261122100200-settle-casts.js';
import { Ledger20261122110000 } from './20261122110000-ledger.js';
import { ForgettableAlerts20261128100000 } from './20261128100000-forgettable-alerts.js';
import { AcceptCastsApart20261128100100 } from './20261128100100-accept-casts-apart.js';
import { ChangeBudgets20261128100200 } from './20261128100200-change-budgets.js';
import { RepairHolds20261128100300 } from './20261128100300-repair-holds.js';
import { RecentCastsOfVersion20261128100400 } from './20261128100400-recent-casts-of-version.js';
import { KeyDigests20261128110000 } from './20261128110000-key-digests.js';
import { WebhookFacts20261128120000 } from './20261128120000-webhook-facts.js';
import { LedgerMasterKey20261128120100 } from './20261128120100-ledger-master-key.js';
import { LedgerGuards20261128120200 } from './20261128120200-ledger-guards.js';
import { AcceptInHand20261128130000 } from './20261128130000-accept-in-hand.js';

/** Every migration in order. A new one is appended; one that has landed is never edited. */
export const migrations = [
  AccountsAndKeys20261122080000,
  Grimoire20261122080100,
  Casts20261122080200,
  CastLimits20261122090000,
  Budgets20261122100000,
  AcceptCasts20261122100100,
  SettleCasts20261122100200,
  Ledger20261122110000,
  ForgettableAlerts20261128100000,
  AcceptCastsApart20261128100100,
  ChangeBudgets20261128100200,
  RepairHolds20261128100300,
  RecentCastsOfVersion20261128100400,
  KeyDigests20261128110000,
  WebhookFacts20261128120000,
  LedgerMasterKey20261128120100,
  LedgerGuards20261128120200,
  AcceptInHand20261128130000,
];
