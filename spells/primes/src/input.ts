/** Reads `{"limit": N}`, which the platform has checked against schema.json already, without a JSON library. */

let at: usize = 0;
let end: usize = 0;

function peek(): u8 {
  return at < end ? load<u8>(at) : 0;
}

function skipSpace(): void {
  while (peek() == 32 || peek() == 9 || peek() == 10 || peek() == 13) at++;
}

function accept(character: u8): bool {
  if (peek() != character) return false;
  at++;
  return true;
}

function acceptWord(word: string): bool {
  for (let i = 0; i < word.length; i++) {
    if (!accept(<u8>word.charCodeAt(i))) return false;
  }
  return true;
}

function isDigit(character: u8): bool {
  return character >= 48 && character <= 57;
}

/** A whole number, also when written as 100000.0; -1 for anything else. It saturates far above every limit. */
function parseWholeNumber(): i64 {
  if (!isDigit(peek())) return -1;
  if (accept(48)) {
    if (isDigit(peek())) return -1;
    at--;
  }
  let value: i64 = 0;
  for (; isDigit(peek()); at++) value = min<i64>(value * 10 + (peek() - 48), 1_000_000_000_000);
  if (accept(46)) {
    if (peek() != 48) return -1;
    while (accept(48)) {}
  }
  return value;
}

/** The limit, or -1 when the text is not one object with exactly that member. */
export function parseLimit(start: usize, length: u32): i64 {
  at = start;
  end = start + length;
  skipSpace();
  if (!accept(123)) return -1;
  skipSpace();
  if (!acceptWord('"limit"')) return -1;
  skipSpace();
  if (!accept(58)) return -1;
  skipSpace();
  const value = parseWholeNumber();
  skipSpace();
  if (!accept(125)) return -1;
  skipSpace();
  return at == end ? value : -1;
}
