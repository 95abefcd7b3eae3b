// Every limit of preparing a module, with its reason.

/** CPython for WASI is 25 MB; what is larger is rather a disk image than a program. */
export const MODULE_BYTES_MAX = 32 * 1024 * 1024;

/** Metering adds 20 to 120 percent; more than this is an attack on whoever stores the result. */
export const PREPARED_BYTES_MAX = 4 * MODULE_BYTES_MAX;

/** The format allows 2^16 pages of 64 KiB for a 32-bit memory. */
export const MEMORY_PAGES_MAX = 65_536;

/**
 * Tables live in the engine's heap, so all tables of a module together get a bound of their own, which is written into
 * the module: 24 MB. What they may come to counts against the memory of a run.
 */
export const TABLE_ELEMENTS_MAX = 1_000_000;

/** A reference and an entry for calls through it, as the engine keeps them. */
export const TABLE_ELEMENT_BYTES = 24;

/**
 * CPU time of the analysis process, after which the operating system kills it: usual modules of 1 MB take 0.1 s,
 * CPython (26 MB) and esbuild (20 MB) 2 to 3.5 s, modules made to be slow are refused here. What is larger than 8 MiB
 * gets as much more as it is larger.
 */
export const ANALYSIS_CPU_SECONDS = 2;
export const ANALYSIS_CPU_MODULE_BYTES = 8 * 1024 * 1024;

/**
 * Constructs of a function that stand in each other. A compiler makes one for each case of its largest switch, which
 * are some thousands; the plan keeps something for each that is open.
 */
export const NESTING_MAX = 50_000;

/**
 * Places of a function where counting code may go: branches, loops, ends, calls. The largest of CPython has 20,000.
 * The plan keeps some hundred bytes for each, and with about so many the function becomes too large for the engine.
 */
export const PLACES_MAX = 500_000;

/**
 * Pieces of a function times its locals: where paths join, V8's optimiser keeps a value for each local, and with 10⁸ it
 * needs more memory than a process has, when the cast may be over and the next one runs. Of clang, CPython, Ruby and
 * others the largest has 10⁶.
 */
export const PIECES_TIMES_LOCALS_MAX = 20_000_000;

/** Clauses of all try_tables of a function, each a way for the optimiser as well. A compiler makes some hundreds. */
export const CATCH_CLAUSES_MAX = 4_096;

/** What V8 takes for one function (kV8MaxWasmFunctionSize). Metering stops as soon as one is larger. */
export const FUNCTION_BYTES_MAX = 7_654_321;

/** Functions that a module defines. CPython and esbuild have some ten thousand; each takes 10 µs, however small it is. */
export const FUNCTIONS_MAX = 100_000;

/**
 * Declared locals of all functions together: for each one V8 keeps a type while it checks a function, but one byte
 * declares 50,000. CPython has 80,000.
 */
export const LOCALS_MAX = 10_000_000;

/** By the wall clock: a machine may have a lot else to do, but whoever waits is told in the end. */
export const ANALYSIS_DEADLINE_MS = 60_000;

/** One for each core of a small machine: each may take ANALYSIS_HEAP_MB and more, and others publish too. */
export const ANALYSES_AT_ONCE = 2;

/** Of the process, as the kernel counts: the heap below, and what V8 compiles and Node reads outside of it. */
export const ANALYSIS_DATA_KIB = 2 * 1024 * 1024;

/** The module, its copy, the rewritten module and the plan of one function; V8 keeps buffers outside of this. */
export const ANALYSIS_HEAP_MB = 512;

/** A reader wants reasons, not a megabyte of them: what is beyond this is only counted. */
export const PROBLEMS_MAX = 100;

/** The prepared module and a head that names at most PROBLEMS_MAX problems. */
export const ANALYSIS_ANSWER_BYTES_MAX = PREPARED_BYTES_MAX + 1024 * 1024;
