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

/** One frame, one system call: a guest that exhausts the stack inside a host call cannot tear a frame apart. */
function sendFrame(type: Frame, payload: Uint8Array): void {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt8(type);
  header.writeUInt32LE(payload.length, 1);
  writeAll(payload.length > 0 ? [header, payload] : [header]);
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
  sendFrame(FrameType.finished, Buffer.from(JSON.stringify(message)));
}
