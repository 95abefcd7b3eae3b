import { PLACES_MAX } from './limits.js';

/** One reason why a module cannot be published; `path` names the place, like `spell.wasm/imports/3`. */
export interface ModuleProblem {
  path: string;
  reason: string;
}

const MODULE_PATH = 'spell.wasm';

export function problemAt(place: string, reason: string): ModuleProblem {
  return { path: place === '' ? MODULE_PATH : `${MODULE_PATH}/${place}`, reason };
}

/** The bytes are not the WebAssembly we can read. Never leaves this folder: it becomes a problem. */
export class MalformedModule extends Error {
  constructor(reason: string, offset: number) {
    super(`${reason} at byte 0x${offset.toString(16)}`);
    this.name = 'MalformedModule';
  }
}

/** A function beyond a limit of ours. It never leaves this folder either. */
export class FunctionTooLarge extends Error {
  override readonly name = 'FunctionTooLarge';
}

export function tooManyPlaces(): FunctionTooLarge {
  return new FunctionTooLarge(`has more than ${PLACES_MAX} places where counting code goes`);
}

const NAME_LENGTH_MAX = 100;

/** A name out of a stranger's module, safe to print: quoted, without control characters, not too long. */
export function quoteName(name: string): string {
  const shortened = name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}…` : name;
  return JSON.stringify(shortened).replace(/[^\x20-\x7e…]/gu, '\uFFFD');
}
