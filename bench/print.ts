export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A line that says whether a goal was reached, and by how much. */
export function printGoal(goal: string, isMet: boolean, found: string): void {
  print(`goal: ${goal}: ${isMet ? 'met' : 'NOT met'} (${found})`);
}
