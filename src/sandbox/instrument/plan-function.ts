import type { ByteReader } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import type { StackPlan } from './call-graph.js';
import { ControlFlow, type Piece } from './control-flow.js';
import { LENGTH_COSTS } from './cost-table.js';
import type { CountsIn, FuelCode } from './fuel-code.js';
import { LoopMark } from './loop-mark.js';
import { moveCharges } from './move-charges.js';
import { PLACES_MAX } from './limits.js';
import { MalformedModule, tooManyPlaces } from './module-problem.js';
import { typeOfShape, type FloatType, type NanCode } from './nan-code.js';
import { NanResults, type NanResult } from './nan-results.js';
import { readOperator, type Operator } from './read-operator.js';
import { hasLabels, writeRelabeled } from './relabel.js';
import { shorten } from './shorten.js';
import type { StackCode } from './stack-code.js';

/** What planning needs to know of the module. */
export interface PlanContext {
  stack: StackPlan;
  /** By function index, see prepaidEntries. */
  prepaidEntries: readonly number[];
  /** Called with instructions the platform does not run. */
  onRefused: (operator: Operator) => void;
}

type Write = (writer: ByteWriter, fuel: FuelCode, stack: StackCode, nans: NanCode) => void;

/** What is inserted before the byte at `offset`; written last, when the costs of all pieces are known. */
interface Insertion {
  offset: number;
  /** How many bytes of the original it stands for. */
  replaces: number;
  write: Write;
}

/** With fewer, what the local saves between calls is less than what it takes to bring the global up to date for them. */
const CHARGES_IN_LOCAL_MIN = 5;

/** Smaller ones V8 compiles into themselves, several times over, if nothing is in the way of that. */
const SMALL_RECURSION_BYTES_MAX = 400;

/** A function without calls and loops that costs no more is charged where it begins, but need not look there. */
const UNCHECKED_LEAF_COST_MAX = 256;

/** Where the counting code of one function goes. */
export class FunctionPlan {
  readonly insertions: Insertion[] = [];
  usesLength = false;
  readonly usesStack: boolean;
  readonly #codeStart: number;
  readonly #pieces: Piece[] = [];
  readonly #flow: ControlFlow;
  /** For every construct around, outermost first: the innermost loop that it is or stands in. */
  readonly #around: (LoopMark | undefined)[] = [undefined];
  readonly #loops: LoopMark[] = [];
  /** The calls by name that can be reached, each with the piece that it stands in. */
  readonly #calls: { piece: Piece; callee: number }[] = [];
  readonly #floats = new NanResults();
  readonly #results: NanResult[] = [];
  #hasCalls = false;
  #hasTailCalls = false;
  #opensLoop = false;

  constructor(
    functionIndex: number,
    private readonly body: ByteReader,
    entryCost: number,
    private readonly context: PlanContext,
  ) {
    this.usesStack = context.stack.isCounted(functionIndex);
    this.#codeStart = body.position;
    if (this.usesStack) this.#insert(body.position, (writer, _fuel, stack) => stack.enter(writer));
    this.#flow = new ControlFlow(body.position, entryCost, (piece) => {
      this.#pieces.push(piece);
      const head = this.#opensLoop ? this.#around.at(-1) : undefined;
      this.#insert(piece.offset, (writer, fuel) => {
        const isDue = head?.isWrapped === true && fuel.wrapsLoops;
        if (isDue) fuel.repeatWhenDue(writer, head.hasCalls);
        fuel.charge(
          writer,
          isDue ? { cost: piece.cost, isChecked: false } : piece,
          this.#reports(piece, head),
        );
      });
    });
    this.#read();
    moveCharges(this.#flow);
    const cost = this.#pieces.reduce((sum, piece) => sum + piece.cost, 0);
    const [entry] = this.#pieces;
    if (entry && (this.#hasCalls || cost > UNCHECKED_LEAF_COST_MAX)) entry.isChecked = true;
    if (entry) entry.cost -= context.prepaidEntries[functionIndex] ?? 0;
    this.#prepayEntries();
  }

  /** A loop of calls has to be heard of while it runs, in each round; as well a function that others take turns with. */
  #reports(piece: Piece, head: LoopMark | undefined): boolean {
    return head?.reports === true || (this.#hasTailCalls && piece === this.#pieces[0]);
  }

  /** After all other costs have their place: what a function costs its callers must not depend on what they pay. */
  #prepayEntries(): void {
    for (const { piece, callee } of this.#calls) piece.cost += this.context.prepaidEntries[callee] ?? 0;
    moveCharges(this.#flow);
  }

  /** Catch clauses jump to labels that nobody relabels. */
  get wrapsLoops(): boolean {
    return !this.#flow.hasCatchClauses;
  }

  get #isSmallRecursion(): boolean {
    return this.usesStack && this.body.end - this.#codeStart <= SMALL_RECURSION_BYTES_MAX;
  }

  get countsIn(): CountsIn {
    // Catch clauses jump to labels where nothing tells what the local holds.
    if (this.#flow.hasCatchClauses) return 'global';
    if (this.#pieces.filter(({ cost }) => cost > 0).length >= CHARGES_IN_LOCAL_MIN) return 'local';
    return this.#loops.some(({ hasCalls }) => !hasCalls) ? 'local in loops' : 'global';
  }

  /** The types of locals that results are looked at in. */
  get floatTypes(): ReadonlySet<FloatType> {
    return new Set(this.#results.filter(({ isSeen }) => isSeen).map(({ shape }) => typeOfShape(shape)));
  }

  #insert(offset: number, write: Write, replaces = 0): void {
    if (this.insertions.length >= PLACES_MAX) throw tooManyPlaces();
    this.insertions.push({ offset, write, replaces });
  }

  #read(): void {
    const { body } = this;
    while (!this.#flow.finished) {
      const operator = readOperator(body);
      if (operator.opcode.refusal !== undefined) return this.context.onRefused(operator);
      if (this.#flow.isReachable) this.#before(operator);
      this.#behind(operator);
      this.#visit(operator);
    }
    if (!body.done) throw new MalformedModule('code behind the end of a function', body.position);
  }

  #visit(operator: Operator): void {
    const known = this.#pieces.length;
    this.#opensLoop = operator.opcode.control === 'loop';
    this.#flow.visit(operator, operator.opcode.cost);
    this.#opensLoop = false;
    const mark = this.#around.at(-1);
    if (mark && operator.opcode.control === 'loop') mark.head = this.#pieces[known];
  }

  #before(operator: Operator): void {
    const { opcode, start } = operator;
    switch (opcode.control) {
      case 'if':
      case 'else':
      case 'catch':
      case 'delegate':
        return this.#insert(start, (writer, fuel) => fuel.beforeJoin(writer));
      case 'end':
        if (this.#around.length > 1) return this.#insert(start, (writer, fuel) => fuel.beforeJoin(writer));
        return this.#insert(start, (writer, fuel) => fuel.leave(writer, true));
      case 'branch':
      case 'branch-if':
      case 'branch-table':
      case 'return':
      case 'throw':
        return this.#beforeJump(operator);
      case 'call':
      case 'tail-call':
        return this.#beforeCall(operator);
      case 'bulk':
      case 'grow-memory': {
        const length = LENGTH_COSTS[opcode.class];
        if (length === undefined) return;
        this.usesLength = true;
        return this.#insert(start, (writer, fuel) => fuel.chargeLength(writer, length));
      }
      default:
    }
  }

  /** What the local and the global hold at the target is known only if it is the same on every way there. */
  #beforeJump({ opcode, start, first, labels }: Operator): void {
    const isGone = opcode.control === 'return' || opcode.control === 'throw';
    const body = this.#around.length - 1;
    const targets = isGone ? [body] : labels.length > 0 ? labels : [first];
    const inside = targets.filter((label) => label !== body).map((label) => this.#around.at(-1 - label));
    const isLeft = inside.length < targets.length;
    const from = this.#around.at(-1);
    this.#insert(start, (writer, fuel) => {
      if (inside.length > 0) fuel.beforeJoin(writer);
      if (isLeft || inside.some((target) => target?.outermost !== from?.outermost))
        fuel.leave(writer, isLeft);
    });
  }

  #beforeCall({ opcode, start, first }: Operator): void {
    const { stack } = this.context;
    this.#hasCalls = true;
    if (opcode.control === 'tail-call') this.#hasTailCalls = true;
    const loop = this.#around.at(-1);
    if (loop) loop.hasCalls = true;
    if (opcode.class === 'call' && this.#flow.current)
      this.#calls.push({ piece: this.#flow.current, callee: first });
    this.#insert(start, (writer, fuel) => fuel.publish(writer));
    const isCounted = opcode.class === 'call' ? stack.isCounted(first) : stack.mayReachCounted(first);
    if (!isCounted) return;
    if (loop?.head !== undefined && loop.head === this.#flow.current) loop.recurses = true;
    this.#insert(start, (writer, _fuel, code) =>
      opcode.control === 'call' ? code.beforeCall(writer) : code.beforeTailCall(writer),
    );
  }

  /** Also where control does not get to on the straight way: the end of a block may be jumped to. */
  #behind(operator: Operator): void {
    const { opcode, start, end } = operator;
    this.#relabel(operator);
    const shortened = shorten(this.body.bytes, operator);
    if (shortened !== null) this.#insert(start, (writer) => writer.raw(shortened), end - start);
    this.#fixNan(operator);
    switch (opcode.control) {
      case 'block':
      case 'if':
      case 'try':
      case 'try_table':
        this.#around.push(this.#around.at(-1));
        return;
      case 'loop': {
        const mark = new LoopMark(this.#around.at(-1), this.#isSmallRecursion);
        this.#loops.push(mark);
        this.#around.push(mark);
        const blockType = this.body.bytes.subarray(start + 1, end);
        this.#insert(start, (writer, fuel) => {
          mark.settle();
          if (mark.isOutermost) fuel.enterLoops(writer);
          else fuel.beforeJoin(writer);
          fuel.afterJoin();
          if (mark.isWrapped) fuel.openReporting(writer, blockType, mark.hasCalls);
        });
        return this.#insert(end, (_writer, fuel) => fuel.afterJoin());
      }
      case 'else':
        return this.#insert(end, (_writer, fuel) => fuel.afterJoin());
      case 'delegate':
        this.#around.pop();
        return this.#insert(end, (_writer, fuel) => fuel.afterJoin());
      case 'end':
        return this.#end(end);
      case 'call':
      case 'catch':
        return this.#insert(end, (_writer, fuel) => fuel.forget());
      case 'bulk':
      case 'grow-memory':
        // Of the bulk instructions one grows as a memory does.
        if (opcode.control === 'bulk' && opcode.class !== 'tableGrow') return;
        if (!this.#flow.isReachable) return;
        return this.#insert(end, (writer, fuel) => fuel.noteGrowFailure(writer));
      default:
    }
  }

  #fixNan({ opcode, end }: Operator): void {
    const result = this.#floats.visit(opcode.float);
    if (result === null) return;
    this.#results.push(result);
    this.#insert(end, (writer, _fuel, _stack, nans) => {
      if (result.isSeen) nans.canonicalize(writer, result.shape);
    });
  }

  #end(end: number): void {
    const mark = this.#around.pop();
    const isReachable = this.#flow.isReachable;
    if (mark === undefined || mark === this.#around.at(-1))
      return this.#insert(end, (_writer, fuel) => fuel.afterJoin());
    mark.close();
    this.#insert(end, (writer, fuel) => {
      if (mark.isWrapped) fuel.closeReporting(writer);
      fuel.afterJoin();
      if (mark.isOutermost) fuel.leaveLoops(writer, isReachable);
    });
  }

  /** A branch past a loop that has got another one around it has one construct more to pass. */
  #relabel(operator: Operator): void {
    const innermost = this.#around.at(-1);
    if (innermost === undefined || !hasLabels(operator)) return;
    // The label of delegate counts from around its try.
    const first = this.#around.length - (operator.opcode.control === 'delegate' ? 2 : 1);
    const targets = new Map<number, LoopMark | undefined>();
    for (const label of operator.labels.length > 0 ? operator.labels : [operator.first])
      targets.set(label, this.#around[first - label]);
    const relabel = (label: number): number => label + innermost.added - (targets.get(label)?.added ?? 0);
    const { bytes } = this.body;
    const { start, end } = operator;
    this.#insert(
      start,
      (writer, fuel) => {
        if (fuel.wrapsLoops) writeRelabeled(writer, bytes, operator, relabel);
        else writer.raw(bytes.subarray(start, end));
      },
      end - start,
    );
  }
}
