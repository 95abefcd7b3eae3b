const byteOf = (character: string): number => character.charCodeAt(0);
const QUOTE = byteOf('"');
const COMMA = byteOf(',');
const COLON = byteOf(':');
const BACKSLASH = byteOf('\\');
const OPEN_ARRAY = byteOf('[');
const CLOSE_ARRAY = byteOf(']');
const OPEN_OBJECT = byteOf('{');
const CLOSE_OBJECT = byteOf('}');
const MINUS = byteOf('-');
const PLUS = byteOf('+');
const DOT = byteOf('.');
const ZERO = byteOf('0');
const NINE = byteOf('9');
const SMALL_E = byteOf('e');
const CONTROL_CHARACTERS_END = 0x20;
const LOWER_CASE_BIT = 0x20;

const WHITE_SPACE = new Set([...' \t\n\r'].map(byteOf));
const ESCAPED = new Set([...'"\\/bfnrt'].map(byteOf));
const UNICODE_ESCAPE = byteOf('u');
const HEX_DIGITS = 4;
const LITERALS = new Map(['true', 'false', 'null'].map((literal) => [byteOf(literal), literal]));

// What the next byte belongs to, or may begin. Numbers, because every byte asks.
const VALUE = 0;
const VALUE_OR_CLOSE = 1;
const KEY = 2;
const KEY_OR_CLOSE = 3;
const KEY_COLON = 4;
const BEHIND_VALUE = 5;
const STRING = 6;
const ESCAPE = 7;
const HEX = 8;
const LITERAL = 9;
const AFTER_MINUS = 10;
const AFTER_ZERO = 11;
const INTEGER = 12;
const AFTER_DOT = 13;
const FRACTION = 14;
const AFTER_E = 15;
const AFTER_SIGN = 16;
const EXPONENT = 17;

/**
 * Tells whether bytes are one JSON value (RFC 8259), piece by piece and without making anything of them: JSON.parse takes
 * seconds of the thread and gigabytes for 50 MB of small objects. That the bytes are UTF-8 somebody else has to check.
 */
export class JsonScanner {
  readonly #isObject: Uint8Array;
  #depth = 0;
  #state = VALUE;
  #isKey = false;
  /** What is still to come of a literal, or how many digits of an escape. */
  #literalRest = '';
  #hexRest = 0;
  #position = 0;
  #problem: string | null = null;

  /** Arrays and objects may stand in each other so deep. */
  constructor(private readonly depthMax: number) {
    this.#isObject = new Uint8Array(depthMax + 1);
  }

  /** Reads on. The first problem stays. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && this.#problem === null) {
      if (this.#state === STRING) at = this.#passString(bytes, at);
      const byte = bytes[at];
      if (byte !== undefined && !this.#take(byte)) this.#problem ??= unexpected(byte, this.#position + at);
      at += 1;
    }
    this.#position += bytes.length;
  }

  /** Why what was read is not one JSON value, or null. */
  end(): string | null {
    if (this.#problem === null && this.#depth === 0 && this.#isBehindValue()) return null;
    return this.#problem ?? `it ends at byte ${this.#position}, before the value does`;
  }

  #isBehindValue(): boolean {
    const state = this.#state;
    return (
      state === BEHIND_VALUE ||
      state === AFTER_ZERO ||
      state === INTEGER ||
      state === FRACTION ||
      state === EXPONENT
    );
  }

  /** The inside of a string in one go, which is most of most documents: up to the byte that needs a look. */
  #passString(bytes: Uint8Array, from: number): number {
    let at = from;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE || byte === BACKSLASH || byte < CONTROL_CHARACTERS_END) break;
    }
    return at;
  }

  /** Answers whether the byte may stand here. */
  #take(byte: number): boolean {
    switch (this.#state) {
      case STRING:
        return this.#takeInString(byte);
      case ESCAPE:
      case HEX:
        return this.#takeEscaped(byte);
      case LITERAL:
        return this.#takeLiteral(byte);
      case VALUE:
      case VALUE_OR_CLOSE:
      case KEY:
      case KEY_OR_CLOSE:
      case KEY_COLON:
      case BEHIND_VALUE:
        return WHITE_SPACE.has(byte) || this.#takeToken(byte);
      default:
        return this.#takeInNumber(byte);
    }
  }

  #takeToken(byte: number): boolean {
    switch (this.#state) {
      case VALUE:
        return this.#begin(byte);
      case VALUE_OR_CLOSE:
        return byte === CLOSE_ARRAY ? this.#close(byte) : this.#begin(byte);
      case KEY:
        return byte === QUOTE && this.#beginString(true);
      case KEY_OR_CLOSE:
        return byte === CLOSE_OBJECT ? this.#close(byte) : byte === QUOTE && this.#beginString(true);
      case KEY_COLON:
        return byte === COLON && this.#move(VALUE);
      default:
        return this.#takeBehindValue(byte);
    }
  }

  #begin(byte: number): boolean {
    if (byte === QUOTE) return this.#beginString(false);
    if (byte === OPEN_OBJECT) return this.#open(1, KEY_OR_CLOSE);
    if (byte === OPEN_ARRAY) return this.#open(0, VALUE_OR_CLOSE);
    if (byte === MINUS) return this.#move(AFTER_MINUS);
    if (isDigit(byte)) return this.#move(byte === ZERO ? AFTER_ZERO : INTEGER);
    const literal = LITERALS.get(byte);
    if (literal === undefined) return false;
    this.#literalRest = literal.slice(1);
    return this.#move(LITERAL);
  }

  #move(state: number): true {
    this.#state = state;
    return true;
  }

  #beginString(isKey: boolean): true {
    this.#isKey = isKey;
    return this.#move(STRING);
  }

  #open(isObject: 0 | 1, state: number): boolean {
    if (this.#depth === this.depthMax) {
      this.#problem = `it is nested more than ${this.depthMax} levels deep`;
      return false;
    }
    this.#depth += 1;
    this.#isObject[this.#depth] = isObject;
    return this.#move(state);
  }

  #close(byte: number): boolean {
    if (this.#depth === 0 || (byte === CLOSE_OBJECT) !== (this.#isObject[this.#depth] === 1)) return false;
    this.#depth -= 1;
    return this.#move(BEHIND_VALUE);
  }

  #takeBehindValue(byte: number): boolean {
    if (byte !== COMMA) return (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) && this.#close(byte);
    return this.#depth > 0 && this.#move(this.#isObject[this.#depth] === 1 ? KEY : VALUE);
  }

  #takeInString(byte: number): boolean {
    if (byte === QUOTE) return this.#move(this.#isKey ? KEY_COLON : BEHIND_VALUE);
    return byte === BACKSLASH && this.#move(ESCAPE);
  }

  #takeEscaped(byte: number): boolean {
    if (this.#state === HEX) {
      this.#hexRest -= 1;
      return isHexDigit(byte) && (this.#hexRest > 0 || this.#move(STRING));
    }
    if (byte !== UNICODE_ESCAPE) return ESCAPED.has(byte) && this.#move(STRING);
    this.#hexRest = HEX_DIGITS;
    return this.#move(HEX);
  }

  #takeLiteral(byte: number): boolean {
    if (byte !== this.#literalRest.charCodeAt(0)) return false;
    this.#literalRest = this.#literalRest.slice(1);
    return this.#literalRest !== '' || this.#move(BEHIND_VALUE);
  }

  /** A number ends where something else begins, so that byte is looked at again. */
  #takeInNumber(byte: number): boolean {
    const state = this.#state;
    if (isDigit(byte)) {
      if (state === AFTER_MINUS) return this.#move(byte === ZERO ? AFTER_ZERO : INTEGER);
      if (state === AFTER_DOT) return this.#move(FRACTION);
      if (state === AFTER_E || state === AFTER_SIGN) return this.#move(EXPONENT);
      return state !== AFTER_ZERO;
    }
    const isInteger = state === AFTER_ZERO || state === INTEGER;
    if (byte === DOT && isInteger) return this.#move(AFTER_DOT);
    if ((byte | LOWER_CASE_BIT) === SMALL_E && (isInteger || state === FRACTION)) return this.#move(AFTER_E);
    if ((byte === PLUS || byte === MINUS) && state === AFTER_E) return this.#move(AFTER_SIGN);
    if (!this.#isBehindValue()) return false;
    this.#state = BEHIND_VALUE;
    return this.#take(byte);
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function isHexDigit(byte: number): boolean {
  const letter = byte | LOWER_CASE_BIT;
  return isDigit(byte) || (letter >= byteOf('a') && letter <= byteOf('f'));
}

function unexpected(byte: number, position: number): string {
  const isPrintable = byte > CONTROL_CHARACTERS_END && byte < 0x7f;
  const what = isPrintable
    ? `'${String.fromCharCode(byte)}'`
    : `byte 0x${byte.toString(16).padStart(2, '0')}`;
  return `${what} may not stand at byte ${position}`;
}
