import { Ajv, type AnySchema, type Options, type ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';

const OPTIONS: Options = { useDefaults: true, allErrors: true, allowUnionTypes: true };

// Everything in an address and in headers is text, so "5" has to do as a number there. In a body JSON says what it means:
// there "" would become no limit, and true a limit of one cent.
const ofText = new Ajv({ ...OPTIONS, coerceTypes: 'array' });
const ofJson = new Ajv(OPTIONS);
for (const ajv of [ofText, ofJson]) ajvFormats.default(ajv);

/** What Fastify asks for the check of one part of the requests of a route. */
export function compileValidator(part: { schema: AnySchema; httpPart?: string }): ValidateFunction {
  return (part.httpPart === 'body' ? ofJson : ofText).compile(part.schema);
}
