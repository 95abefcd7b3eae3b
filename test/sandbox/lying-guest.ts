/**
 * Stands in a guest's process in the place of its program and answers a request with the frames that the request's input
 * spells out: what a guest that broke out of the engine could say.
 */
import { readSync, writeSync } from 'node:fs';

const READY = 0;

function sendFrame(type: number, text: string): void {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(5);
  header.writeUInt8(type);
  header.writeUInt32LE(payload.length, 1);
  writeSync(4, Buffer.concat([header, payload]));
}

sendFrame(READY, JSON.stringify({ pid: process.pid }));
const request = Buffer.alloc(65_536);
const bytes = readSync(3, request, 0, request.length, null);
const headerBytes = request.readUInt32LE();
const header = JSON.parse(request.subarray(4, 4 + headerBytes).toString()) as { inputBytes: number };
const frames = JSON.parse(request.subarray(bytes - header.inputBytes, bytes).toString()) as [
  number,
  unknown,
][];
for (const [type, payload] of frames) sendFrame(type, JSON.stringify(payload));
// It stays until it is killed.
readSync(3, request, 0, 1, null);
