import type { RunnerEvent } from './runner/events.ts';

/** Prints a rehearsal as a person wants to follow it: chapters, one line a fact, how long each took. */
export interface Chapters {
  chapter(title: string): void;
  line(text: string): void;
  /** What the runner tells, in a line each. */
  event(event: RunnerEvent): void;
}

/** `estimateMs` is how long a rehearsal takes on two cores; the time left is told from it. */
export function createChapters(print: (line: string) => void, estimateMs: number): Chapters {
  const started = Date.now();
  let number = 0;
  const clock = (): string => {
    const elapsed = Date.now() - started;
    const left = Math.max(0, estimateMs - elapsed);
    return `${seconds(elapsed).padStart(6)}  about ${seconds(left)} left`;
  };
  return {
    chapter: (title) => {
      number += 1;
      print('');
      print(`${number}. ${title}  (${clock().trim()})`);
    },
    line: (text) => print(`   ${text}`),
    event: (event) => {
      switch (event.type) {
        case 'job-started':
          print(`   ${seconds(Date.now() - started).padStart(6)}  ${event.job} …`);
          return;
        case 'job-ended':
          print(
            `   ${seconds(Date.now() - started).padStart(6)}  ${event.job}: ${event.conclusion}, ${seconds(event.milliseconds)}`,
          );
          return;
        case 'line':
          // The steps of a saga, and what went wrong.
          if (/^##\[(group)\]\d+\/\d+ /.test(event.line))
            print(`             ${event.line.replace('##[group]', '')}`);
          else if (/^##\[(error|warning)\]/.test(event.line))
            print(`             ${event.line.replace(/^##\[(\w+)\]/, '$1: ')}`);
          return;
        case 'approval-requested':
          print(`           ${event.environment} waits for a reviewer`);
          return;
        case 'approval-given':
          print(`           ${event.by} ${event.approved ? 'approves' : 'refuses'} ${event.environment}`);
          return;
        default:
      }
    },
  };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
