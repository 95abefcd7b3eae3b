import { execFileSync } from 'node:child_process';

interface ProcessLine {
  pid: number;
  parent: number;
  session: number;
  command: string;
}

/** Living processes; a dead one that nobody has collected yet is dead. */
function livingProcesses(): ProcessLine[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,sess=,stat=,args=']).toString().trim().split('\n');
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return fields
    .filter(([, , , state]) => state !== undefined && !state.startsWith('Z'))
    .map(([pid, parent, session, , ...command]) => ({
      pid: Number(pid),
      parent: Number(parent),
      session: Number(session),
      command: command.join(' '),
    }));
}

/** The sessions of the sandbox processes a pool in process `parent` has started. */
export function sandboxSessions(parent: number): number[] {
  const ours = livingProcesses().filter(
    (line) => line.parent === parent && line.command.includes('guest-process'),
  );
  return ours.map(({ session }) => session);
}

/** All living processes of those sessions: shells, watchers and guests. */
export function membersOf(sessions: number[]): number[] {
  return livingProcesses()
    .filter(({ session }) => sessions.includes(session))
    .map(({ pid }) => pid);
}

/** The guests alone. */
export function guestsOf(sessions: number[]): number[] {
  return livingProcesses()
    .filter(({ session, command }) => sessions.includes(session) && command.startsWith(process.execPath))
    .map(({ pid }) => pid);
}
