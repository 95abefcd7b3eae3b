/**
 * primes: `{"limit": 100000}` on stdin, every prime up to the limit on stdout, one a line.
 *
 * The sieve works through odd numbers in segments, so that primes stream out while it runs and memory stays small
 * whatever the limit. Every buffer is a fixed area of memory; only the progress lines are allocated.
 *
 * Exit codes: 0 done, 1 reading or writing failed, 2 the input is not what schema.json asks for.
 */
import { STDERR, STDIN, STDOUT, exit, readAll, write, writeText } from "./wasi";
import { parseLimit } from "./input";

const SMALLEST_LIMIT: i64 = 2;
const LARGEST_LIMIT: i64 = 5_000_000;

/** Odd numbers in one segment at most; a small limit is cut into SEGMENTS parts, so that there is progress to see. */
const LARGEST_SEGMENT: u32 = 32_768;
const SEGMENTS: u32 = 20;
/** The square root of the largest limit, rounded up: no larger prime is ever needed to sieve. */
const LARGEST_SIEVING_PRIME: u32 = 2_237;
const LINES_PER_WRITE: u32 = 100;
const DIGITS_PER_LINE: u32 = 8;
const INPUT_CAPACITY: u32 = 4_096;

const composite = memory.data(<i32>LARGEST_SEGMENT);
const smallComposite = memory.data(<i32>LARGEST_SIEVING_PRIME + 1);
/** Fewer than 400 primes lie below LARGEST_SIEVING_PRIME; each has the next odd multiple to strike out, as an index. */
const sievingPrimes = memory.data(400 * 4, 4);
const nextMultiples = memory.data(400 * 4, 4);
const lines = memory.data(<i32>(LINES_PER_WRITE * DIGITS_PER_LINE));
const input = memory.data(<i32>INPUT_CAPACITY);

let sievingPrimeCount: u32 = 0;
let lineCount: u32 = 0;
let lineBytes: u32 = 0;

function flushLines(): void {
  write(STDOUT, lines, lineBytes);
  lineCount = 0;
  lineBytes = 0;
}

function appendLine(value: u32): void {
  let digits: u32 = 1;
  for (let rest = value; rest >= 10; rest /= 10) digits++;
  let at = lines + lineBytes + digits;
  store<u8>(at, 10);
  for (let rest = value, left = digits; left > 0; left--, rest /= 10) store<u8>(--at, <u8>(48 + (rest % 10)));
  lineBytes += digits + 1;
  if (++lineCount == LINES_PER_WRITE) flushLines();
}

/** The odd primes up to the square root of the limit, each with its square as the first multiple to strike out. */
function prepareSievingPrimes(limit: u32): void {
  for (let n: u32 = 3; n * n <= limit; n += 2) {
    if (load<u8>(smallComposite + n)) continue;
    store<u32>(sievingPrimes + sievingPrimeCount * 4, n);
    store<u32>(nextMultiples + sievingPrimeCount * 4, (n * n) >> 1);
    sievingPrimeCount++;
    for (let multiple = n * n; multiple <= LARGEST_SIEVING_PRIME; multiple += 2 * n) store<u8>(smallComposite + multiple, 1);
  }
}

/** Index i stands for the odd number 2i + 1; the segment covers the indexes from `first` up to but without `end`. */
function sieveSegment(first: u32, end: u32): void {
  memory.fill(composite, 0, end - first);
  for (let i: u32 = 0; i < sievingPrimeCount; i++) {
    const prime = load<u32>(sievingPrimes + i * 4);
    let multiple = load<u32>(nextMultiples + i * 4);
    for (; multiple < end; multiple += prime) store<u8>(composite + multiple - first, 1);
    store<u32>(nextMultiples + i * 4, multiple);
  }
}

function printPrimes(limit: u32): u32 {
  prepareSievingPrimes(limit);
  appendLine(2);
  let found: u32 = 1;
  let percent: u32 = 0;

  const indexes = (limit + 1) >> 1;
  const segment = min(LARGEST_SEGMENT, indexes / SEGMENTS + 1);
  for (let first: u32 = 0; first < indexes; first += segment) {
    const end = min(first + segment, indexes);
    sieveSegment(first, end);
    // Index 0 is the number 1.
    for (let index = max(first, 1); index < end; index++) {
      if (load<u8>(composite + index - first)) continue;
      appendLine(2 * index + 1);
      found++;
    }
    while (percent + 10 <= (end * 100) / indexes) {
      percent += 10;
      writeText(STDERR, percent.toString() + " %\n");
    }
  }
  flushLines();
  return found;
}

const length = readAll(STDIN, input, INPUT_CAPACITY);
const limit = parseLimit(input, length);
if (limit < SMALLEST_LIMIT || limit > LARGEST_LIMIT) {
  writeText(STDERR, 'primes: the input must be {"limit": a whole number from 2 to 5000000}\n');
  exit(2);
}
const found = printPrimes(<u32>limit);
writeText(STDERR, "done, " + found.toString() + " primes\n");
