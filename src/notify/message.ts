/** What is told to people outside of GitHub while an application moves. */
export type Milestone =
  | 'cutover-begun'
  | 'maintenance-on'
  | 'visitors-wait'
  | 'point-of-no-return'
  | 'opened'
  | 'traffic-moved'
  | 'cutover-finished'
  | 'cutover-undone'
  | 'cutover-not-begun'
  | 'cutover-needs-somebody'
  | 'roll-back-begun'
  | 'roll-back-finished'
  | 'roll-back-undone'
  | 'roll-back-not-begun'
  | 'roll-back-needs-somebody'
  | 'customers-notice'
  | 'test';

/** One milestone of one run. Everything in it may be read by whoever reads the channel: no reason, no error text. */
export interface Notice {
  milestone: Milestone;
  application: string;
  /** Key of the environment in migration.yml. */
  environment: string;
  at: Date;
  runUrl: string;
  /** The words for the customers instead of our own; of `customers-notice` only. */
  text?: string;
  /** Nothing really happens: the user tries whether notices arrive. */
  test?: true;
}

const WORDS: Record<Milestone, string> = {
  'cutover-begun': 'the cutover to DigitalOcean has begun; Heroku still serves',
  'maintenance-on': "Heroku's maintenance page stands: the downtime has begun",
  'visitors-wait': 'visitors wait in the front door: their requests are held, and nothing is refused',
  'point-of-no-return': 'the point of no return is passed: the data is on DigitalOcean, complete and proven',
  opened: 'DigitalOcean takes writes',
  'traffic-moved': 'visitors reach DigitalOcean, and the checks pass there',
  'cutover-finished': 'the cutover is finished: it runs on DigitalOcean',
  'cutover-undone': 'the cutover was undone: Heroku serves as before',
  'cutover-not-begun': 'the cutover did not begin: nothing was touched',
  'cutover-needs-somebody': 'the cutover has stopped half-way: somebody must look at the run now',
  'roll-back-begun': 'the roll-back to Heroku has begun',
  'roll-back-finished': 'the roll-back is finished: Heroku serves',
  'roll-back-undone': 'the roll-back was undone: everything is as it was before it',
  'roll-back-not-begun': 'the roll-back did not begin: nothing was touched',
  'roll-back-needs-somebody': 'the roll-back has stopped half-way: somebody must look at the run now',
  'customers-notice': 'the notice for the customers',
  test: 'this is a test: notifications of the migration arrive here',
};

/** One line in plain words. */
export function textOf(notice: Notice): string {
  const { application, environment, milestone, text } = notice;
  const words = text ?? `${application} (${environment}): ${WORDS[milestone]}.`;
  return plain(notice.test === true && milestone !== 'test' ? `TEST: ${words}` : words);
}

/** What Slack's incoming webhooks take, and what is compatible with them. */
export function slackBody(notice: Notice): Record<string, unknown> {
  return {
    text: `${escapeSlack(textOf(notice))}\n${escapeSlack(plain(notice.runUrl))}`,
    // No bold, no lists: a name is shown as it is written. No preview of a page that asks for a login.
    mrkdwn: false,
    unfurl_links: false,
    unfurl_media: false,
  };
}

/** `version` changes when a field is renamed or goes; a new one may come at any time. */
export function webhookBody(notice: Notice): Record<string, unknown> {
  const { milestone, application, environment, at, runUrl } = notice;
  return {
    version: 1,
    milestone,
    application: plain(application),
    environment: plain(environment),
    at: at.toISOString(),
    text: textOf(notice),
    'run-url': plain(runUrl),
    test: notice.test === true,
  };
}

/** Slack reads `<!channel>`, `<@U1>` and `<address|words>`; others of its kind read a bare `@channel`, too. */
export function escapeSlack(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/@(?=[\p{L}\p{N}])/gu, '@\u200b');
}

const LONGEST_TEXT = 1_000;

/** One line, nothing that steers a terminal or hides in a text, and not endless. */
function plain(text: string): string {
  const line = text.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
  return line.length <= LONGEST_TEXT
    ? line
    : `${line.slice(0, LONGEST_TEXT).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
