// Random control flow, as text for the assembler and as a tree that counts its own fuel: an oracle that knows
// nothing of pieces and joins.

export type Random = (below: number) => number;

/** The same numbers on every machine (a 32-bit linear congruential generator). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Statement =
  | { kind: 'work'; count: number }
  | { kind: 'block' | 'loop'; body: Statement[] }
  | { kind: 'if'; body: Statement[]; otherwise: Statement[] | undefined }
  | { kind: 'try'; body: Statement[]; handler: Statement[] }
  | { kind: 'branch' | 'branch-if'; label: number }
  | { kind: 'table'; labels: number[] }
  | { kind: 'return' | 'throw' };

const STATEMENTS_MAX = 5;
const DEPTH_MAX = 5;

export function randomProgram(random: Random): Statement[] {
  return statements(random, 0);
}

function statements(random: Random, depth: number): Statement[] {
  return Array.from({ length: random(STATEMENTS_MAX) }, () => statement(random, depth));
}

function statement(random: Random, depth: number): Statement {
  const label = random(depth + 1);
  switch (random(depth < DEPTH_MAX ? 12 : 6)) {
    case 0:
      return random(3) === 0 ? { kind: 'branch', label } : { kind: 'work', count: 1 };
    case 1:
    case 2:
      return { kind: 'branch-if', label };
    case 3:
      return random(2) === 0
        ? { kind: 'table', labels: [label, random(depth + 1), random(depth + 1)] }
        : { kind: 'work', count: 3 };
    case 4:
      return random(6) === 0 ? { kind: random(2) === 0 ? 'return' : 'throw' } : { kind: 'work', count: 2 };
    case 5:
      return { kind: 'work', count: 1 + random(4) };
    case 6:
    case 7:
      return {
        kind: 'if',
        body: statements(random, depth + 1),
        otherwise: random(2) === 0 ? undefined : statements(random, depth + 1),
      };
    case 8:
      return { kind: 'try', body: statements(random, depth + 1), handler: statements(random, depth + 1) };
    case 9:
      return { kind: 'block', body: statements(random, depth + 1) };
    default:
      return { kind: 'loop', body: statements(random, depth + 1) };
  }
}

/** `$next` answers 0 to 7, the same sequence in the guest and in the oracle. */
export const RANDOM_MODULE = `
  (tag $e)
  (global $state (mut i32) (i32.const 0))
  (func (export "seed") (param i32) local.get 0 global.set $state)
  (func $next (result i32)
    global.get $state i32.const 1103515245 i32.mul i32.const 12345 i32.add global.set $state
    global.get $state i32.const 16 i32.shr_u i32.const 7 i32.and)`;
const NEXT_COST = 5 + 11;
const DECISION = 'call $next i32.const 3 i32.lt_u';
const DECISION_COST = NEXT_COST + 2;
const TABLE_COST = NEXT_COST + 3;
const THROW_COST = 2000;

export function textOf(program: Statement[]): string {
  return program.map(textOfOne).join(' ');
}

function textOfOne(node: Statement): string {
  switch (node.kind) {
    case 'work':
      return 'nop '.repeat(node.count);
    case 'block':
    case 'loop':
      return `${node.kind} ${textOf(node.body)} end`;
    case 'if':
      return `${DECISION} if ${textOf(node.body)} ${node.otherwise ? `else ${textOf(node.otherwise)}` : ''} end`;
    case 'try':
      return `try ${textOf(node.body)} catch $e ${textOf(node.handler)} end`;
    case 'branch':
      return `br ${node.label}`;
    case 'branch-if':
      return `${DECISION} br_if ${node.label}`;
    case 'table':
      return `call $next br_table ${node.labels.join(' ')}`;
    case 'return':
      return 'return';
    case 'throw':
      return 'throw $e';
  }
}

export class OutOfFuel extends Error {}

/** How control leaves a statement: onwards, to a label some levels out, or with an exception. */
type Exit = number | 'throw' | undefined;

export class Oracle {
  fuel = 0;

  constructor(
    private state: number,
    private readonly fuelMax: number,
  ) {}

  /** Answers whether the program ended with an exception. */
  run(program: Statement[]): boolean {
    return this.#all(program) === 'throw';
  }

  #spend(cost: number): void {
    this.fuel += cost;
    if (this.fuel > this.fuelMax) throw new OutOfFuel();
  }

  #next(): number {
    this.state = (Math.imul(this.state, 1_103_515_245) + 12_345) | 0;
    return (this.state >>> 16) & 7;
  }

  #decide(): boolean {
    this.#spend(DECISION_COST + 1);
    return this.#next() < 3;
  }

  #all(program: Statement[]): Exit {
    for (const node of program) {
      const exit = this.#one(node);
      if (exit !== undefined) return exit;
    }
    return undefined;
  }

  /** What leaves a construct's own label has arrived; what goes further out is one level nearer. */
  #outOf(exit: Exit): Exit {
    if (typeof exit !== 'number') return exit;
    return exit === 0 ? undefined : exit - 1;
  }

  #one(node: Statement): Exit {
    switch (node.kind) {
      case 'work':
        this.#spend(node.count);
        return undefined;
      case 'block':
        return this.#outOf(this.#all(node.body));
      case 'loop':
        return this.#loop(node.body);
      case 'if':
        return this.#outOf(this.#all(this.#decide() ? node.body : (node.otherwise ?? [])));
      case 'try': {
        const exit = this.#all(node.body);
        return this.#outOf(exit === 'throw' ? this.#all(node.handler) : exit);
      }
      case 'branch':
        this.#spend(1);
        return node.label;
      case 'branch-if':
        return this.#decide() ? node.label : undefined;
      case 'table': {
        this.#spend(TABLE_COST);
        return node.labels[Math.min(this.#next(), node.labels.length - 1)];
      }
      case 'return':
        this.#spend(1);
        return Infinity;
      case 'throw':
        this.#spend(THROW_COST);
        return 'throw';
    }
  }

  #loop(body: Statement[]): Exit {
    for (;;) {
      const exit = this.#all(body);
      if (exit !== 0) return this.#outOf(exit);
    }
  }
}
