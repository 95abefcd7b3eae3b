import { castFieldOf, optionOf, RUN_LIMITS, type CastLimitField } from './run-limits.js';

/** The sentence about a limit where a client looks it up. */
export function describeLimit(castField: CastLimitField): string {
  const row = RUN_LIMITS.find((candidate) => castFieldOf(candidate) === castField);
  if (row === undefined) throw new RangeError(`there is no limit ${castField}`);
  return `At most what the manifest declares. Bounds ${row.covers}; in ${row.unit}.`;
}

/** docs/limits.md, from the table itself. */
export function describeRunLimits(): string {
  const rows = RUN_LIMITS.map((row) => [
    `\`${row.section}.${row.field}\``,
    `\`${castFieldOf(row)}\``,
    `\`--${optionOf(row)}\``,
    row.unit,
    typeof row.default === 'number' ? String(row.default) : `\`${row.default}\``,
    `${row.least} to ${row.most}`,
  ]);
  const meanings = RUN_LIMITS.map(
    ({ field, covers, passed, reason }) =>
      `- **\`${field}\`**: ${covers}. Passed: ${passed}. The maximum: ${reason}.`,
  );
  return `# The limits of a run

Every limit has a default, a maximum, a field in the manifest, a field in a request (\`limits\` in GraphQL; in REST it has the
manifest's name) and an option of \`spell run\`. A manifest may declare what lies between least and most; a request, and \`spell run\`
of a package, can only lower what the manifest declares. A value outside is refused: \`SPELL_REJECTED\` when published, \`BAD_USER_INPUT\` when cast.

${table(['manifest', 'request', '`spell run`', 'unit', 'default', 'from'], rows)}

## What each bounds, and what becomes of a cast that passes it

${meanings.join('\n')}

Where the operating system can, it holds the process of a guest to more: no core dumps, no files, no descriptors beyond its
channel, and a data segment of the largest memory any cast may have and one GiB more.
`;
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
