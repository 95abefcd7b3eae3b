/** The part of the engine that judging needs; TypeScript describes WebAssembly only together with browsers. */
interface Engine {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
}

const engine = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;

/** Why the engine that will run the module does not accept it, in its own words; nothing when it does. */
export function engineObjection(bytes: Uint8Array): string | undefined {
  if (engine.validate(bytes)) return undefined;
  try {
    new engine.Module(bytes);
  } catch (error) {
    return (error as Error).message.replace(/^WebAssembly\.Module\(\): /, '');
  }
  return 'no reason given';
}
