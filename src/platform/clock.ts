/** Where time comes from. Tests pass a clock of their own; nothing below reads `Date.now()` itself. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
