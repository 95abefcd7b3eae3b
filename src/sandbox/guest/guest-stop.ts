/** Why the host ended a guest from inside a host call. */
export type StopReason =
  { kind: 'exit'; exitCode: number } | { kind: 'fuel' } | { kind: 'output' } | { kind: 'events' };

/** Unwinds the guest. The reason is kept by HostState: a guest may catch this with `catch_all`. */
export class GuestStop extends Error {
  override readonly name = 'GuestStop';
}
