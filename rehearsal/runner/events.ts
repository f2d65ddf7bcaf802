/** How a step or job ended, in GitHub's words. */
export type Conclusion = 'success' | 'failure' | 'cancelled' | 'skipped';

/** What the runner tells while it works. Every text in it is masked already. */
export type RunnerEvent =
  | { type: 'job-started'; job: string; name: string; environment?: string }
  | { type: 'job-ended'; job: string; name: string; conclusion: Conclusion; milliseconds: number }
  | { type: 'step-started'; job: string; step: string }
  | { type: 'step-ended'; job: string; step: string; conclusion: Conclusion; milliseconds: number }
  | { type: 'line'; job: string; step: string; line: string }
  | { type: 'approval-requested'; job: string; environment: string }
  | { type: 'approval-given'; job: string; environment: string; approved: boolean; by: string }
  | { type: 'note'; job?: string; message: string };
