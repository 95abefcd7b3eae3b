import { AccountsAndKeys20261122080000 } from './20261122080000-accounts-and-keys.js';
import { Grimoire20261122080100 } from './20261122080100-grimoire.js';
import { Casts20261122080200 } from './20261122080200-casts.js';

/** Every migration in order. A new one is appended; one that has landed is never edited. */
export const migrations = [AccountsAndKeys20261122080000, Grimoire20261122080100, Casts20261122080200];
