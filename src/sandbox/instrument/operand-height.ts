import { NESTING_MAX } from './limits.js';
import { FunctionTooLarge } from './module-problem.js';
import type { ModuleStructure } from './module-structure.js';
import { EMPTY_BLOCK_TYPE, type Operator } from './read-operator.js';

/** The types and functions of a module, as far as they say what blocks and calls take from the stack and leave on it. */
export type Signatures = Pick<ModuleStructure, 'types' | 'functionTypes'>;

interface Arity {
  parameters: number;
  results: number;
}

const NOTHING: Arity = { parameters: 0, results: 0 };
const ONE_RESULT: Arity = { parameters: 0, results: 1 };

export function arityOfType(signatures: Signatures, typeIndex: number): Arity {
  const type = signatures.types[typeIndex];
  if (type?.form !== 'function') return NOTHING;
  return { parameters: type.parameters, results: type.signature.length - 1 - type.parameters };
}

/** Follows how many operands a function has on the stack. Behind a branch that is always taken it may count too many. */
export class OperandHeight {
  max = 0;
  #height = 0;
  readonly #blocks: (Arity & { base: number })[] = [];

  constructor(private readonly signatures: Signatures) {}

  visit({ opcode, first }: Operator): void {
    this.#height += opcode.stackEffect;
    switch (opcode.control) {
      case 'block':
      case 'loop':
      case 'if':
      case 'try':
      case 'try_table':
        this.#open(first);
        break;
      case 'else':
      case 'catch':
        this.#height = this.#innermost.base + this.#innermost.parameters;
        break;
      case 'end':
      case 'delegate':
        this.#close();
        break;
      case 'call':
      case 'tail-call':
        this.#call(calledType(opcode.name, first, this.signatures));
        break;
      default:
    }
    if (this.#height > this.max) this.max = this.#height;
  }

  get #innermost(): Arity & { base: number } {
    return this.#blocks[this.#blocks.length - 1] ?? { ...NOTHING, base: 0 };
  }

  #open(blockType: number): void {
    const arity =
      blockType >= 0
        ? arityOfType(this.signatures, blockType)
        : blockType === EMPTY_BLOCK_TYPE
          ? NOTHING
          : ONE_RESULT;
    if (this.#blocks.length >= NESTING_MAX)
      throw new FunctionTooLarge(`has more than ${NESTING_MAX} constructs nested in each other`);
    this.#blocks.push({ ...arity, base: this.#height - arity.parameters });
  }

  #close(): void {
    const block = this.#innermost;
    this.#blocks.pop();
    this.#height = block.base + block.results;
  }

  #call(typeIndex: number): void {
    const { parameters, results } = arityOfType(this.signatures, typeIndex);
    this.#height += results - parameters;
  }
}

function calledType(name: string, first: number, { functionTypes }: Signatures): number {
  switch (name) {
    case 'call':
    case 'return_call':
      return functionTypes[first] ?? -1;
    default:
      return first;
  }
}
