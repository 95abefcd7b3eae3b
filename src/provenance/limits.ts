const KIB = 1024;
const MIB = 1024 * KIB;

/** A package is held in memory whole, several at once when makers publish together. */
export const MAX_PACKAGE_BYTES = 64 * MIB;

/** Every entry costs a header and a file in the sandbox; a thousand resources are plenty. */
export const MAX_PACKAGE_ENTRIES = 1024;

/** A ustar name field holds 100 bytes; longer paths can be split in several ways, so their form is not unique. */
export const MAX_PATH_BYTES = 100;

/** A manifest is a page a person writes; the database keeps it beside every version. */
export const MAX_MANIFEST_BYTES = 64 * KIB;

/** An input schema is compiled to code, and the code is many times larger than the schema. */
export const MAX_SCHEMA_BYTES = 256 * KIB;

/** The SBOM of a web application with a thousand parts is about 2 MiB; a WebAssembly module has far fewer. */
export const MAX_SBOM_BYTES = 4 * MIB;

/** README and LICENSE are shown to people, and the longest common licence is 35 KiB. */
export const MAX_TEXT_BYTES = 256 * KIB;

/** A Sigstore bundle with a certificate, a log proof and a statement is about 10 KiB. */
export const MAX_BUNDLE_BYTES = MIB;

/** Recursive readers overflow the stack on deep documents; people nest about ten levels. */
export const MAX_JSON_DEPTH = 64;

/** A thousand parts with fifty values each are half of this; four million empty objects would fill the memory. */
export const MAX_JSON_NODES = 100_000;

/** A hostile document could name a problem per byte; nobody reads more than this. */
export const MAX_PROBLEMS = 100;

/** A hostile input could break a rule per item; a caster mends a few at a time. */
export const MAX_INPUT_PROBLEMS = 20;

/** Honest schemas compile in tens of milliseconds, and publishing can wait; a bomb is stopped here. */
export const SCHEMA_COMPILE_MS = 2_000;

/** Honest inputs are checked in under a millisecond; a hostile `pattern` would hold the API for ever. */
export const INPUT_CHECK_MS = 250;
