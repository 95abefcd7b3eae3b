import { FRAME_HEADER_BYTES } from '../wire/frame-reader.js';
import {
  FrameType,
  type FinishedMessage,
  type FuelMessage,
  type ReadyMessage,
  type StartedMessage,
} from '../wire/messages.js';
import { writeAll } from './blocking-io.js';

type Frame = (typeof FrameType)[keyof typeof FrameType];

/** Frames that go with the next one; null while each goes at once. */
let held: Uint8Array[] | null = null;

/** The guest has ended: what is still to be sent of it goes together with its report. */
export function holdFrames(): void {
  held ??= [];
}

/** One frame, one system call: a guest that exhausts the stack inside a host call cannot tear a frame apart. */
function sendFrame(type: Frame, payload: Uint8Array): void {
  const pieces = frame(type, payload);
  if (held === null) writeAll(pieces);
  else held.push(...pieces);
}

function frame(type: Frame, payload: Uint8Array): Uint8Array[] {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt8(type);
  header.writeUInt32LE(payload.length, 1);
  return payload.length > 0 ? [header, payload] : [header];
}

export function sendReady(message: ReadyMessage): void {
  sendFrame(FrameType.ready, Buffer.from(JSON.stringify(message)));
}

export function sendStarted(message: StartedMessage): void {
  sendFrame(FrameType.started, Buffer.from(JSON.stringify(message)));
}

export function sendFuel(message: FuelMessage): void {
  sendFrame(FrameType.fuel, Buffer.from(JSON.stringify(message)));
}

export function sendOutput(bytes: Uint8Array): void {
  sendFrame(FrameType.output, bytes);
}

export function sendLog(bytes: Uint8Array): void {
  sendFrame(FrameType.log, bytes);
}

export function sendFinished(message: FinishedMessage): void {
  const before = held ?? [];
  held = null;
  writeAll([...before, ...frame(FrameType.finished, Buffer.from(JSON.stringify(message)))]);
}
