import { messageOf } from '../src/errors.ts';
import type { Edge } from '../src/github/run.ts';
import type { Milestone, Notice } from '../src/notify/message.ts';
import { slackBody, webhookBody } from '../src/notify/message.ts';
import type { Delivery } from '../src/notify/post-json.ts';
import { PATIENCE_MS, postJson } from '../src/notify/post-json.ts';
import type { Subject } from './subject.ts';

/** One notice on one channel, for the record. */
export interface SentNotice {
  milestone: Milestone;
  channel: string;
  at: string;
  /** `null` when it arrived. */
  problem: string | null;
}

/** A way on which notices leave: what it takes of them is its own affair. */
export interface Channel {
  name: string;
  takes(milestone: Milestone): boolean;
  send(notice: Notice): Promise<Delivery>;
}

/** Tells milestones to the outside, beside the work: nobody waits for it, and its failures are told as warnings. */
export interface Notifier {
  readonly channels: readonly Channel[];
  /** Returns at once; each channel gets its notices in the order in which they were told. */
  tell(milestone: Milestone, options?: Pick<Notice, 'text' | 'test'>): void;
  /** What became of everything told so far: waits for what is still on its way, for some five seconds at most. */
  settle(): Promise<SentNotice[]>;
}

/** With the channels of the inputs `notify-slack-url` and `notify-webhook-url`, and `more`. */
export function notifierOf(edge: Edge, subject: Subject, more: readonly Channel[] = []): Notifier {
  const slack = edge.inputs.optionalSecret('notify-slack-url');
  const webhook = edge.inputs.optionalSecret('notify-webhook-url');
  const channels: Channel[] = [
    ...(slack === undefined
      ? []
      : [
          {
            name: 'slack',
            takes: (milestone: Milestone) => milestone !== 'customers-notice',
            send: (notice: Notice) => postJson(slack, slackBody(notice)),
          },
        ]),
    ...(webhook === undefined
      ? []
      : [
          {
            name: 'webhook',
            takes: () => true,
            send: (notice: Notice) => postJson(webhook, webhookBody(notice)),
          },
        ]),
    ...more,
  ];
  return createNotifier(edge, subject, channels);
}

/** As long as nothing else is known of a notice; so it stays for one that a run did not wait for. */
const UNDER_WAY = 'it was still on its way when the run ended';
/** A cancelled run is killed soon, and its record matters more. */
const PATIENCE_WHEN_CANCELLED_MS = 1_000;

function createNotifier(
  edge: Pick<Edge, 'log' | 'clock' | 'environment' | 'signal'>,
  { config, environment }: Pick<Subject, 'config' | 'environment'>,
  channels: readonly Channel[],
): Notifier {
  const told: SentNotice[] = [];
  const last = new Map<Channel, Promise<void>>();
  const warn = ({ milestone, channel, problem }: SentNotice): void =>
    edge.log.warning(
      `The notice "${milestone}" did not go out by ${channel}: ${problem ?? 'no reason given'}.`,
    );
  return {
    channels,
    tell(milestone, { text, test } = {}) {
      const notice: Notice = {
        milestone,
        application: config.application,
        environment: environment.name,
        at: edge.clock.now(),
        runUrl: edge.environment.runUrl,
        ...(text === undefined ? {} : { text }),
        ...(test === undefined ? {} : { test }),
      };
      for (const channel of channels) {
        if (!channel.takes(milestone)) continue;
        const entry: SentNotice = {
          ...{ milestone, channel: channel.name, at: notice.at.toISOString(), problem: UNDER_WAY },
        };
        told.push(entry);
        const deliver = async (): Promise<void> => {
          const delivery = await channel
            .send(notice)
            .catch((error: unknown): Delivery => ({ sent: false, reason: messageOf(error) }));
          entry.problem = delivery.sent ? null : delivery.reason;
          if (!delivery.sent) warn(entry);
        };
        last.set(channel, (last.get(channel) ?? Promise.resolve()).then(deliver));
      }
    },
    async settle() {
      const enough = new AbortController();
      const patienceMs = edge.signal.aborted ? PATIENCE_WHEN_CANCELLED_MS : PATIENCE_MS + 500;
      const patience = edge.clock.sleep(patienceMs, enough.signal).catch(() => undefined);
      await Promise.race([Promise.all(last.values()), patience]);
      enough.abort();
      for (const entry of told) if (entry.problem === UNDER_WAY) warn(entry);
      return told.map((entry) => ({ ...entry }));
    },
  };
}
