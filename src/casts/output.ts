/** An inline output as GraphQL and REST show it: parsed for json, a string for text, null for bytes. */
export function toJsonOutput(format: string, bytes: Buffer): unknown {
  if (format === 'json') return JSON.parse(bytes.toString()) as unknown;
  return format === 'text' ? bytes.toString() : null;
}
