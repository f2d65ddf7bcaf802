import { ConfigurationError } from '../../src/errors.ts';
import type { Edge } from '../../src/github/run.ts';
import type { StepReport } from '../../src/migration/saga.ts';
import { runNoticeCommand } from '../../src/notify/command.ts';
import type { Milestone } from '../../src/notify/message.ts';
import { textOf } from '../../src/notify/message.ts';
import { fillTemplate } from '../../src/notify/template.ts';
import { formatDuration } from '../../src/report/format.ts';
import type { FailedOutcome } from '../failed-phase.ts';
import type { Channel, Notifier, SentNotice } from '../notifier.ts';
import { notifierOf } from '../notifier.ts';
import type { Subject } from '../subject.ts';
import { STAND_STILL } from './stand-still.ts';
import { FRONT_DOOR } from './front-door-traffic.ts';

/** What of a cutover is told to whom, and when. */
export interface CutoverNotices {
  onStep(report: StepReport): void;
  /** Told and waited for; what is returned belongs into the record. */
  finished(changed: boolean): Promise<{ notifications: SentNotice[] }>;
  failed(outcome: FailedOutcome): Promise<{ notifications: SentNotice[] }>;
  /** Sends a test on every channel. Throws a ConfigurationError that names what did not go out. */
  test(): Promise<void>;
}

const WHEN_DONE: Record<string, Milestone> = {
  'maintenance-mode': 'maintenance-on',
  // Only one of the two is ever a step of the same cutover.
  [FRONT_DOOR]: 'visitors-wait',
  'point-of-no-return': 'point-of-no-return',
  'open-new-side': 'opened',
  smoke: 'traffic-moved',
};
const WHEN_FAILED: Record<FailedOutcome, Milestone | undefined> = {
  refused: 'cutover-not-begun',
  undone: 'cutover-undone',
  unfinished: 'cutover-needs-somebody',
  stuck: 'cutover-needs-somebody',
  // The run that took over tells.
  superseded: undefined,
};

/** Throws a ConfigurationError when the words for the customers hold an unknown placeholder. */
export function cutoverNotices(edge: Edge, subject: Subject): CutoverNotices {
  const words = customersWords(edge, subject);
  const notifier = notifierOf(edge, subject, commandChannel(edge));
  let begun = false;
  const begin = (): void => {
    begun = true;
    notifier.tell('cutover-begun');
    notifier.tell('customers-notice', { text: words });
  };
  const settled = async (): Promise<{ notifications: SentNotice[] }> => ({
    notifications: await notifier.settle(),
  });
  return {
    onStep({ name, event }) {
      // All checks have passed, the guard watches, and nothing has been done yet; a run that goes on where another stopped does not begin it anew.
      if (name === STAND_STILL && event === 'begun') begin();
      if (event !== 'done') return;
      const milestone = WHEN_DONE[name];
      if (milestone !== undefined) notifier.tell(milestone);
    },
    finished(changed) {
      if (changed) notifier.tell('cutover-finished');
      return settled();
    },
    failed(outcome) {
      const milestone = WHEN_FAILED[outcome];
      if (milestone !== undefined)
        notifier.tell(milestone === 'cutover-undone' && !begun ? 'cutover-not-begun' : milestone);
      return settled();
    },
    test: () => sendTest(notifier, words),
  };
}

const USUAL_WORDS =
  '{application} is moving to new servers now. It may be out of reach for up to {downtime}; nothing is lost.';

function customersWords(edge: Edge, { config, environment }: Subject): string {
  return fillTemplate(edge.inputs.optional('customers-notice') ?? USUAL_WORDS, {
    application: config.application,
    environment: environment.name,
    domains: environment.domains.join(', '),
    downtime: formatDuration(config.downtimeBudgetMs),
  });
}

function commandChannel(edge: Edge): Channel[] {
  const command = edge.inputs.optional('notify-command');
  if (command === undefined) return [];
  return [
    {
      name: 'command',
      takes: (milestone) => milestone === 'customers-notice',
      send: (notice) => {
        const text = textOf(notice);
        return runNoticeCommand(command, text, {
          NOTICE_TEXT: text,
          NOTICE_APPLICATION: notice.application,
          NOTICE_ENVIRONMENT: notice.environment,
          NOTICE_RUN_URL: notice.runUrl,
          NOTICE_TEST: String(notice.test === true),
        });
      },
    },
  ];
}

async function sendTest(notifier: Notifier, words: string): Promise<void> {
  if (notifier.channels.length === 0) {
    throw new ConfigurationError(
      'There is nobody to notify: none of notify-slack-url, notify-webhook-url and notify-command is set ' +
        '(a secret may be missing, or not visible to this environment).',
    );
  }
  notifier.tell('test', { test: true });
  notifier.tell('customers-notice', { text: words, test: true });
  const problems = (await notifier.settle()).flatMap(({ channel, milestone, problem }) =>
    problem === null ? [] : [`${channel} (${milestone}): ${problem}`],
  );
  if (problems.length > 0)
    throw new ConfigurationError(`Not every notice went out. ${problems.join('; ')}. Nothing else was done.`);
}
