import { Ajv as AjvDraft07 } from 'ajv';
import {
  Ajv2020,
  type AnySchemaObject,
  type ErrorObject,
  type Options,
  type ValidateFunction,
} from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { INPUT_CHECK_MS, MAX_INPUT_PROBLEMS, SCHEMA_COMPILE_MS } from './limits.js';
import { errorText, type PackageProblem } from './package-problem.js';
import { withinTime } from './time-limit.js';

type AnyAjv = AjvDraft07 | Ajv2020;

interface Draft {
  id: RegExp;
  create: (options: Options) => AnyAjv;
}

/** The drafts we can check, the default first. Any other would be checked by the wrong rules. */
const DRAFT_2020: Draft = {
  id: /^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/,
  create: (options) => new Ajv2020(options),
};
const DRAFT_07: Draft = {
  id: /^http:\/\/json-schema\.org\/draft-07\/schema#?$/,
  create: (options) => new AjvDraft07(options),
};

export type InputCheck = (value: unknown) => PackageProblem[];

/**
 * The check that a schema describes, for use at every cast. Throws with the reason when the schema is not one that
 * we can check. Schema and input both come from strangers, and a `pattern` or a recursive `$ref` can take
 * exponential time: compiling and checking therefore run under a deadline, which no list of allowed patterns
 * could replace.
 */
export function compileInputSchema(schema: object): InputCheck {
  const draft = draftOf(schema);
  const metaSchema = metaSchemaOf(draft);
  const compiled = withinTime(SCHEMA_COMPILE_MS, () => compile(schema, draft, metaSchema));
  if (!compiled.done) throw new Error(`takes longer than ${SCHEMA_COMPILE_MS} ms to compile`);
  const validate = compiled.value;
  return (value) => {
    const checked = withinTime(INPUT_CHECK_MS, () => inputProblems(validate, value));
    if (checked.done) return checked.value;
    return [{ path: '', reason: `takes longer than ${INPUT_CHECK_MS} ms to check against the schema` }];
  };
}

function draftOf(schema: object): Draft {
  const id = '$schema' in schema ? schema.$schema : undefined;
  if (id === undefined) return DRAFT_2020;
  const draft = [DRAFT_2020, DRAFT_07].find((known) => typeof id === 'string' && known.id.test(id));
  if (draft === undefined) throw new Error('"$schema" must be JSON Schema 2020-12 or draft-07');
  return draft;
}

const metaSchemas = new Map<Draft, AnyAjv>();

/** What checks schemas themselves, kept because compiling it takes longer than most schemas do. */
function metaSchemaOf(draft: Draft): AnyAjv {
  const known = metaSchemas.get(draft);
  if (known !== undefined) return known;
  const ajv = draft.create({ strict: false });
  ajvFormats.default(ajv);
  // Compiled by the first use: here, because a deadline that struck in the middle would leave it broken for all.
  void ajv.validateSchema({});
  metaSchemas.set(draft, ajv);
  return ajv;
}

function compile(schema: AnySchemaObject, draft: Draft, metaSchema: AnyAjv): ValidateFunction {
  // An asynchronous check answers with a promise, and a promise would count as "valid".
  if ('$async' in schema) throw new Error('"$async" schemas are not supported');
  void metaSchema.validateSchema(schema, true);
  const warnings: string[] = [];
  const warn = (warning: string): number => warnings.push(warning);
  // Every schema has its own ajv: one that is shared keeps all schemas, and their `$id`s would meet.
  const ajv = draft.create({
    strict: false,
    meta: false,
    validateSchema: false,
    allErrors: true,
    // References are called, not copied: copying lets a small schema grow exponentially.
    inlineRefs: false,
    logger: { log: warn, warn, error: warn },
  });
  ajvFormats.default(ajv);
  const validate = ajv.compile(schema);
  // ajv warns where it ignores something, such as an unknown `format`; a rule that is ignored is refused here.
  if (warnings.length > 0) throw new Error(warnings.join('; '));
  return validate;
}

function inputProblems(validate: ValidateFunction, value: unknown): PackageProblem[] {
  try {
    if (validate(value)) return [];
    return (validate.errors ?? []).slice(0, MAX_INPUT_PROBLEMS).map(inputProblem);
  } catch (error) {
    // A schema that refers to itself without going deeper overflows the stack.
    return [{ path: '', reason: `cannot be checked against the schema: ${errorText(error)}` }];
  } finally {
    validate.errors = null; // Otherwise the last input of a caster stays in memory with its errors.
  }
}

/** The place is a JSON pointer into the input, "/width"; the whole input is "". */
function inputProblem(error: ErrorObject): PackageProblem {
  return { path: error.instancePath, reason: `${error.message ?? 'is not valid'}${nameOf(error)}` };
}

function nameOf({ params }: ErrorObject): string {
  const named: unknown =
    params['additionalProperty'] ?? params['unevaluatedProperty'] ?? params['allowedValues'];
  return named === undefined ? '' : `: ${JSON.stringify(named)}`;
}
