import type { ModuleStructure } from './module-structure.js';
import type { ScannedFunction } from './scan-function.js';

/** Which functions must count the depth of the stack. */
export interface StackPlan {
  /** Whether the function may call, however indirectly, a function that is running already. */
  isCounted(functionIndex: number): boolean;
  /** Whether a call through a table or a reference of this type may reach such a function. */
  mayReachCounted(typeIndex: number): boolean;
  frameBytes(functionIndex: number): number;
}

/**
 * Functions that cannot recurse need no counting: how deep they get is known beforehand. A chain of them heavier than
 * this is counted nevertheless, so that the stack that nobody counts stays small.
 */
export const UNCOUNTED_STACK_BYTES_MAX = 128 * 1024;

/**
 * Goes through the call graph from its leaves: whoever calls only functions that are done is done too. What is never
 * done calls in a circle, or calls somebody who does. A call through a table or a reference may reach every function
 * of a matching signature whose reference is taken anywhere.
 */
export function planStack(
  structure: Pick<ModuleStructure, 'types' | 'functionTypes' | 'importedFunctions' | 'referredFunctions'>,
  functions: readonly ScannedFunction[],
): StackPlan {
  const { types, functionTypes, importedFunctions } = structure;
  const nodes = new CallNodes(functionTypes.length);
  const signatureOf = (typeIndex: number): string => {
    const type = types[typeIndex];
    return type?.form === 'function' ? type.signature : '';
  };
  const takers = new Set([...structure.referredFunctions, ...functions.flatMap(({ referred }) => referred)]);
  for (const index of takers)
    nodes.addCall(nodes.forSignature(signatureOf(functionTypes[index] ?? -1)), index);
  functions.forEach(({ callees, calledTypes, frameBytes }, position) => {
    const index = importedFunctions + position;
    nodes.weigh(index, frameBytes);
    for (const callee of callees) nodes.addCall(index, callee);
    for (const type of calledTypes) nodes.addCall(index, nodes.forSignature(signatureOf(type)));
  });
  nodes.settle();
  return {
    isCounted: (index) => !nodes.isSettled(index),
    mayReachCounted: (typeIndex) => !nodes.isSettled(nodes.forSignature(signatureOf(typeIndex))),
    frameBytes: (index) => functions[index - importedFunctions]?.frameBytes ?? 0,
  };
}

/** Functions by index, and behind them one node for every signature that is called indirectly. */
class CallNodes {
  readonly #callers: number[][] = [];
  readonly #openCalls: number[] = [];
  readonly #ownBytes: number[] = [];
  /** The heaviest chain of calls below the node, itself left out. */
  readonly #belowBytes: number[] = [];
  readonly #settled = new Set<number>();
  readonly #signatures = new Map<string, number>();

  constructor(functions: number) {
    for (let index = 0; index < functions; index++) this.#add();
  }

  #add(): number {
    this.#openCalls.push(0);
    this.#ownBytes.push(0);
    this.#belowBytes.push(0);
    return this.#callers.push([]) - 1;
  }

  forSignature(signature: string): number {
    let node = this.#signatures.get(signature);
    if (node === undefined) this.#signatures.set(signature, (node = this.#add()));
    return node;
  }

  weigh(node: number, bytes: number): void {
    this.#ownBytes[node] = bytes;
  }

  addCall(caller: number, callee: number): void {
    this.#callers[callee]?.push(caller);
    this.#openCalls[caller] = (this.#openCalls[caller] ?? 0) + 1;
  }

  isSettled(node: number): boolean {
    return this.#settled.has(node);
  }

  settle(): void {
    const ready = this.#openCalls.flatMap((calls, node) => (calls === 0 ? [node] : []));
    for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
      const bytes = (this.#ownBytes[node] ?? 0) + (this.#belowBytes[node] ?? 0);
      if (bytes > UNCOUNTED_STACK_BYTES_MAX) continue;
      this.#settled.add(node);
      for (const caller of this.#callers[node] ?? []) {
        this.#belowBytes[caller] = Math.max(this.#belowBytes[caller] ?? 0, bytes);
        this.#openCalls[caller] = (this.#openCalls[caller] ?? 0) - 1;
        if (this.#openCalls[caller] === 0) ready.push(caller);
      }
    }
  }
}
