import { sleepMs } from '../guest/blocking-io.js';
import { MAX_SUBSCRIPTIONS } from '../sandbox-limits.js';
import { CLOCK_ABSTIME, EventType, Size } from './abi.js';
import { readClock } from './clock-functions.js';
import { Errno, WasiError, fail, type ErrnoValue } from './errno.js';
import type { WasiContext, WasiFunctions } from './wasi-context.js';

interface PollEvent {
  userdata: bigint;
  type: number;
  errno: ErrnoValue;
  /** How long until it happens; streams are always ready. */
  waitNs: bigint;
}

/** Waiting. Sleeps are real, and a virtual clock moves by exactly what the guest asked for. */
export function pollFunctions(context: WasiContext): WasiFunctions {
  const { host, memory, clock } = context;

  function poll(subscriptions: number, events: number, count: number, storedPointer: number): void {
    if (count >>> 0 === 0 || count >>> 0 > MAX_SUBSCRIPTIONS) fail(Errno.INVAL);
    host.chargeBytes(count * Size.subscription);
    host.chargeItems(count);
    const pending = readSubscriptions(context, memory.view(subscriptions, count * Size.subscription));
    const target = memory.view(events, count * Size.event);
    const waitNs = pending.reduce((least, { waitNs }) => (waitNs < least ? waitNs : least), 2n ** 64n);
    const happened = pending.filter((event) => event.waitNs === waitNs);
    memory.setU32(storedPointer, happened.length);
    for (const [index, event] of happened.entries()) writeEvent(target, index * Size.event, event);
    host.flushNow();
    sleepMs(Number(waitNs) / 1e6);
    clock.slept(waitNs);
  }

  return { poll_oneoff: poll };
}

function readSubscriptions(context: WasiContext, view: DataView): PollEvent[] {
  const events: PollEvent[] = [];
  for (let offset = 0; offset < view.byteLength; offset += Size.subscription) {
    const userdata = view.getBigUint64(offset, true);
    const type = view.getUint8(offset + 8);
    events.push({ userdata, type, ...readiness(context, view, offset, type) });
  }
  return events;
}

/** What is wrong with one subscription is said in its event, which then happens at once. */
function readiness(
  { clock, descriptors }: WasiContext,
  view: DataView,
  offset: number,
  type: number,
): Pick<PollEvent, 'errno' | 'waitNs'> {
  const ready = { errno: Errno.SUCCESS, waitNs: 0n };
  try {
    if (type === EventType.clock) {
      const nowNs = readClock(clock, view.getUint32(offset + 16, true));
      const timeoutNs = view.getBigUint64(offset + 24, true);
      const isAbsolute = (view.getUint16(offset + 40, true) & CLOCK_ABSTIME) !== 0;
      const waitNs = isAbsolute ? timeoutNs - nowNs : timeoutNs;
      return { ...ready, waitNs: waitNs > 0n ? waitNs : 0n };
    }
    if (type > EventType.fdWrite) fail(Errno.INVAL);
    descriptors.get(view.getUint32(offset + 16, true));
    return ready;
  } catch (error) {
    if (error instanceof WasiError) return { errno: error.errno, waitNs: 0n };
    throw error;
  }
}

function writeEvent(target: DataView, offset: number, event: PollEvent): void {
  new Uint8Array(target.buffer, target.byteOffset + offset, Size.event).fill(0);
  target.setBigUint64(offset, event.userdata, true);
  target.setUint16(offset + 8, event.errno, true);
  target.setUint8(offset + 10, event.type);
}
