import { MalformedModule } from './module-problem.js';
import type { Operator } from './read-operator.js';

/**
 * A piece of code that is charged at once, at `offset`: whoever passes there runs all instructions counted
 * in `cost`, once, unless a trap or an exception ends the run in between.
 */
export interface Piece {
  offset: number;
  cost: number;
  /** Whether it is looked here, before it is charged, if there is fuel left. */
  isChecked: boolean;
}

/** Whoever runs `entry` runs exactly one of the arms. */
export interface Choice {
  entry: Piece;
  arms: readonly [Piece, Piece];
}

/** Whoever runs one of the sources runs the head of the loop next, and nobody else does. */
export interface Repetition {
  head: Piece;
  sources: readonly Piece[];
}

interface Frame {
  kind: 'block' | 'loop' | 'if' | 'if-else';
  /** The piece in which the construct stands; none when it can never be reached. */
  entry: Piece | undefined;
  /** Its own level, counted from the function's body, which is 0. */
  level: number;
  /** The outermost level that a branch from inside jumps to; less than its own: it can be left not by its end. */
  reaches: number;
  /** How many branches jump to its end. */
  jumps: number;
  /** The last conditional one: the piece that it ends, and the one that follows when it is not taken. */
  conditionalJump: { from: Piece; otherwise: Piece } | undefined;
  /** The pieces that run into the end: of the body, of each arm, of each handler. */
  arrivals: Piece[];
  /** The pieces that begin in it: the head of a loop, the arms of a choice, handlers. */
  heads: Piece[];
  /** The pieces that end by jumping back to the head of the loop. */
  repeats: Piece[];
  /** Some jump back to the head is conditional. */
  repeatsConditionally: boolean;
}

/**
 * A piece that costs more is followed by another one that is looked at: this much may be run without being paid for,
 * and as much again in functions that are too small to look for themselves.
 */
const UNCHECKED_COST_MAX = 16_384;

/**
 * Divides a function into pieces. A piece begins at the function's start, a loop's head, an arm, a handler,
 * behind a conditional branch, and where paths join. After a join it goes on with the piece before the
 * construct if nobody can leave the construct on another way than by its end, because then both run equally
 * often; control flow in WebAssembly is structured, so that is known as soon as the end is read.
 * A call does not end a piece, nor does an instruction that may trap.
 */
export class ControlFlow {
  readonly choices: Choice[] = [];
  readonly repetitions: Repetition[] = [];
  hasCatchClauses = false;
  readonly #frames: Frame[] = [];
  #current: Piece | undefined;

  constructor(
    offset: number,
    entryCost: number,
    private readonly onPiece: (piece: Piece) => void,
  ) {
    this.#begin(offset, entryCost);
    this.#open('block');
  }

  /** The piece that the next instruction belongs to. */
  get current(): Piece | undefined {
    return this.#current;
  }

  get isReachable(): boolean {
    return this.#current !== undefined;
  }

  get finished(): boolean {
    return this.#frames.length === 0;
  }

  visit(operator: Operator, cost: number): void {
    if (this.#current) this.#current.cost += cost;
    switch (operator.opcode.control) {
      case 'block':
      case 'try':
        return this.#open('block');
      case 'try_table':
        return this.#openTryTable(operator.labels);
      case 'loop':
        this.#open('loop');
        return this.#beginHead(operator.end);
      case 'if':
        this.#open('if');
        return this.#beginHead(operator.end);
      case 'else':
      case 'catch':
        return this.#nextArm(operator);
      case 'end':
      case 'delegate':
        return this.#close(operator.end);
      case 'branch-if':
        return this.#branchIf(operator);
      case 'branch':
        this.#branch(operator.first);
        return this.#stop();
      case 'branch-table':
        operator.labels.forEach((label) => this.#branchMaybe(label));
        return this.#stop();
      case 'return':
      case 'tail-call':
      case 'throw':
        this.#branch(this.#frames.length - 1);
        return this.#stop();
      case 'trap':
        return this.#stop();
      default:
        return this.#continueAt(operator.end);
    }
  }

  #begin(offset: number, cost = 0): void {
    this.#current = { offset, cost, isChecked: false };
    this.onPiece(this.#current);
  }

  #continueAt(offset: number): void {
    if (this.#current === undefined || this.#current.cost <= UNCHECKED_COST_MAX) return;
    this.#begin(offset);
    this.#current.isChecked = true;
  }

  #beginIfReachable(offset: number): void {
    if (this.#current) this.#begin(offset);
  }

  #beginHead(offset: number): void {
    this.#beginIfReachable(offset);
    if (this.#current) this.#frame(0).heads.push(this.#current);
  }

  #stop(): void {
    this.#current = undefined;
  }

  #open(kind: Frame['kind']): void {
    const level = this.#frames.length;
    this.#frames.push({
      kind,
      entry: this.#current,
      level,
      reaches: level,
      jumps: 0,
      conditionalJump: undefined,
      arrivals: [],
      heads: [],
      repeats: [],
      repeatsConditionally: false,
    });
  }

  /** Catch clauses are branches, taken from inside the body to labels counted from around it. */
  #openTryTable(labels: readonly number[]): void {
    this.#open('block');
    labels.forEach((label) => this.#branchMaybe(label + 1));
    if (labels.length > 0) this.hasCatchClauses = true;
  }

  #frame(depth: number): Frame {
    const frame = this.#frames[this.#frames.length - 1 - depth];
    if (frame === undefined)
      throw new MalformedModule(`no construct ${depth} levels up`, this.#current?.offset ?? 0);
    return frame;
  }

  /** All constructs inside the target are left early. To jump to a loop is to repeat it, not to end it. */
  #branch(label: number): void {
    if (!this.#current) return;
    const target = this.#frame(label);
    const innermost = this.#frame(0);
    innermost.reaches = Math.min(innermost.reaches, target.level);
    if (target.kind === 'loop') target.repeats.push(this.#current);
    else target.jumps += 1;
  }

  #branchMaybe(label: number): void {
    this.#frame(label).repeatsConditionally = true;
    this.#branch(label);
  }

  #branchIf({ first, end }: Operator): void {
    const from = this.#current;
    this.#branchMaybe(first);
    this.#beginIfReachable(end);
    if (from && this.#current) this.#frame(first).conditionalJump = { from, otherwise: this.#current };
  }

  #arrive(frame: Frame): void {
    if (this.#current) frame.arrivals.push(this.#current);
    this.#current = frame.entry;
  }

  #nextArm(operator: Operator): void {
    const frame = this.#frame(0);
    if (operator.opcode.control === 'else') frame.kind = 'if-else';
    this.#arrive(frame);
    this.#beginHead(operator.end);
  }

  #close(offset: number): void {
    const frame = this.#frame(0);
    this.#frames.pop();
    const parent = this.#frames.at(-1);
    if (parent) parent.reaches = Math.min(parent.reaches, frame.reaches);
    this.#arrive(frame);
    if (frame.entry === undefined) return;
    this.#remember(frame, frame.entry);
    const skipsTheArm = frame.kind === 'if';
    const [onlyArrival, ...others] = frame.arrivals;
    const joins = frame.jumps > 0 || skipsTheArm || others.length > 0;
    if (!joins && onlyArrival === undefined) this.#stop();
    else if (frame.reaches === frame.level) this.#current = frame.entry;
    else if (joins) {
      this.#begin(offset);
      if (frame.arrivals.length === 0 && !skipsTheArm) this.#rememberJump(frame);
    } else this.#current = onlyArrival;
  }

  /** A compiler's other way to write a choice: behind a block that only one conditional branch leads to the end of. */
  #rememberJump({ jumps, conditionalJump }: Frame): void {
    if (jumps !== 1 || conditionalJump === undefined || this.#current === undefined) return;
    const { from, otherwise } = conditionalJump;
    this.choices.push({ entry: from, arms: [otherwise, this.#current] });
  }

  #remember({ kind, heads, repeats, repeatsConditionally }: Frame, entry: Piece): void {
    const [head, other] = heads;
    if (head === undefined) return;
    if (kind === 'if-else' && other !== undefined) this.choices.push({ entry, arms: [head, other] });
    if (kind !== 'loop') return;
    head.isChecked = repeats.length > 0;
    if (repeatsConditionally || repeats.includes(head)) {
      return;
    }
    this.repetitions.push({ head, sources: [entry, ...repeats] });
  }
}
