import { readCommand, type CommandFacts } from './command.ts';

/** Nobody has more; a file that does is none of a person's. */
const MOST_PROCESSES = 100;

export interface ProcfileProcess extends CommandFacts {
  name: string;
  line: number;
}

/**
 * The processes of a Procfile (`name: command`, names of letters, digits, `-` and `_`; Heroku's article "The
 * Procfile"). A later line with the same name wins, as at Heroku.
 */
export function readProcfile(text: string): ProcfileProcess[] {
  const processes = new Map<string, ProcfileProcess>();
  text.split('\n').forEach((line, index) => {
    const found = /^\s*([A-Za-z0-9_-]{1,60}):\s*(\S.*)$/.exec(line.slice(0, 4_000));
    const [, name, command] = found ?? [];
    if (name === undefined || command === undefined) return;
    processes.set(name, { name, line: index + 1, ...readCommand(name, command) });
  });
  return [...processes.values()].slice(0, MOST_PROCESSES);
}
