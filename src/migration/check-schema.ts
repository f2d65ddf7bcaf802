import { z } from 'zod';

import { BYTE_SIZE } from './byte-size.ts';
import { DURATION } from './duration.ts';

// The checks of migration.yml as the user writes them; check-config.ts turns them into what verify runs.

const path = z
  .string()
  .regex(/^\/\S*$/, { error: 'must begin with a slash and hold no blank, such as /health' });

const duration = z
  .string({ error: 'must be a duration in quotes or with a unit, such as 800ms or 30s' })
  .regex(DURATION, { error: 'must be a duration such as 800ms, 30s or 2m' });

const byteSize = z
  .string({ error: 'must be a size with a unit such as 20MB' })
  .regex(BYTE_SIZE, { error: 'must be a size such as 1MB, 20MB or 1GB' });

const pattern = z.string().superRefine((text, context) => {
  try {
    new RegExp(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'must be a regular expression of JavaScript' });
  }
});

const cookie = z
  .strictObject({
    name: z.string().min(1).describe('Its name.'),
    secure: z.boolean().optional().describe('Whether it must have `Secure` (or must not).'),
    'http-only': z.boolean().optional().describe('Whether it must have `HttpOnly` (or must not).'),
    'same-site': z.enum(['strict', 'lax', 'none']).optional().describe('Its `SameSite`.'),
  })
  .describe('A cookie that the answer must set.');

/** What is expected of an answer; the same for a single request, a step of a script and an upload. */
const expectation = {
  status: z.int().min(100).max(599).optional().describe('Expected HTTP status; 200 unless given.'),
  contains: z.string().min(1).optional().describe('Text that the body must hold.'),
  matches: pattern.optional().describe('Regular expression that the body must match.'),
  json: z
    .record(
      z.string().regex(/^(\/.*)?$/s, { error: 'must be a JSON pointer such as /status or /items/0/id' }),
      z.json(),
    )
    .optional()
    .describe('JSON pointers into the body, each with the value that must stand there.'),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9-]+$/, { error: 'must be the name of a header' }),
      z.string().nullable(),
    )
    .optional()
    .describe('Headers of the answer, each with a text that it must hold; `null`: it must not be there.'),
  redirect: z
    .string()
    .regex(/^(\/|https:\/\/)\S*$/, { error: 'must be a path such as /login, or an address with https://' })
    .optional()
    .describe('Where the answer must lead; its status is then any redirect unless `status` is given.'),
  cookies: z.array(cookie).optional().describe('Cookies that the answer must set, with their flags.'),
  within: duration.optional().describe('The longest that the answer may take.'),
};

const asked = {
  form: z
    .record(z.string(), z.string())
    .optional()
    .describe(
      'Fields that are sent as a form. `{{name}}` stands for a captured value, `{{secret.NAME}}` for one of `check-secrets`.',
    ),
  body: z.string().optional().describe('What is sent as it is; the placeholders of `form` work here, too.'),
  send: z
    .record(z.string().regex(/^[A-Za-z0-9-]+$/, { error: 'must be the name of a header' }), z.string())
    .optional()
    .describe('Headers that are sent; with placeholders, too.'),
};

const capture = z
  .record(
    z.string().regex(/^[a-z][a-z0-9_-]*$/, { error: 'must be lower-case letters, digits, _ and -' }),
    z.strictObject({
      matches: pattern.optional().describe('Regular expression on the body; its first group is the value.'),
      json: z.string().optional().describe('JSON pointer into the body.'),
      header: z.string().optional().describe('Name of a header.'),
    }),
  )
  .optional()
  .describe('Values that later steps use as `{{name}}`, such as a CSRF token.');

const verbs = {
  get: path.optional().describe('Path that is asked for with GET.'),
  head: path.optional().describe('Likewise with HEAD.'),
  post: path.optional().describe('Likewise with POST.'),
  put: path.optional().describe('Likewise with PUT.'),
  patch: path.optional().describe('Likewise with PATCH.'),
  delete: path.optional().describe('Likewise with DELETE.'),
};
const VERBS = ['get', 'head', 'post', 'put', 'patch', 'delete'] as const;

const step = z
  .strictObject({ ...verbs, ...asked, capture, ...expectation })
  .superRefine((one, context) => {
    const given = VERBS.filter((verb) => one[verb] !== undefined);
    if (given.length !== 1)
      context.addIssue({ code: 'custom', message: `must have exactly one of ${VERBS.join(', ')}` });
  })
  .describe('One request; cookies are kept from step to step.');

const KINDS = ['path', 'script', 'websocket', 'upload', 'long-request', 'job', 'command'] as const;

/** Keys that mean something for some kinds only: anywhere else they would be read by nobody. */
const ONLY_FOR: Partial<Record<string, readonly (typeof KINDS)[number][]>> = {
  method: ['path', 'upload'],
  form: ['path'],
  body: ['path'],
  send: ['path', 'websocket', 'upload', 'long-request'],
  'within-factor': ['path'],
  'certificate-days': ['path'],
  protocol: ['websocket'],
  size: ['upload'],
  field: ['upload'],
  lasting: ['long-request'],
  secrets: ['command'],
  status: ['path', 'upload', 'long-request'],
  contains: ['path', 'websocket', 'upload', 'long-request'],
  matches: ['path', 'upload', 'long-request'],
  json: ['path', 'upload', 'long-request'],
  headers: ['path', 'upload', 'long-request'],
  redirect: ['path', 'upload', 'long-request'],
  cookies: ['path', 'upload', 'long-request'],
};

/** One check: one of the kinds, told by which key is there. */
export const checkSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^\S(.{0,58}\S)?$/, { error: 'must be a short name' })
      .optional()
      .describe('What it is called; needed for all but `path`, whose name is its path.'),
    path: path.optional().describe('A request for this path.'),
    script: z
      .array(step)
      .min(1)
      .max(20)
      .optional()
      .describe('A sequence of requests such as a login or a checkout.'),
    websocket: path.optional().describe('A path at which a WebSocket must open.'),
    upload: path.optional().describe('A path to which a file of `size` is sent.'),
    'long-request': path.optional().describe('A path whose answer takes long, at least `lasting`.'),
    job: z
      .strictObject({
        enqueue: step.describe('The request that enqueues a job.'),
        done: step
          .optional()
          .describe(
            "The request that sees it done, repeated until it does; without it, Sidekiq's counter of processed jobs.",
          ),
      })
      .optional()
      .describe('A job that is enqueued by a request and seen done.'),
    command: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Your own program, started without a shell in the checkout; it ends with 0 when all is well.',
      ),
    method: z
      .enum(['GET', 'HEAD', 'POST', 'PUT'])
      .optional()
      .describe('GET unless given; an `upload` is a POST.'),
    ...asked,
    ...expectation,
    'within-factor': z
      .number()
      .min(1)
      .max(100)
      .optional()
      .describe('At most so many times what the old side takes, measured in the same run while it serves.'),
    'certificate-days': z
      .int()
      .min(1)
      .max(365)
      .optional()
      .describe('Days for which the certificate must be valid at least; 21 unless given.'),
    protocol: z.string().optional().describe('Subprotocol of the WebSocket, such as actioncable-v1-json.'),
    size: byteSize.optional().describe('How much is uploaded.'),
    field: z.string().optional().describe('Field of a multipart form; without it the body is the file.'),
    lasting: duration
      .optional()
      .describe('How long the answer takes at least: a shorter one proves nothing.'),
    secrets: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'must be a name in `check-secrets`' }))
      .optional()
      .describe('Names in `check-secrets` that the command gets on its standard input.'),
  })
  .superRefine((check, context) => {
    const given = KINDS.filter((kind) => check[kind] !== undefined);
    const [kind] = given;
    if (kind === undefined || given.length > 1) {
      context.addIssue({ code: 'custom', message: `must have exactly one of ${KINDS.join(', ')}` });
      return;
    }
    if (kind !== 'path' && check.name === undefined)
      context.addIssue({ code: 'custom', message: `must have a name, since it is no \`path\`` });
    for (const key of Object.keys(check)) {
      const kinds = ONLY_FOR[key];
      if (kinds !== undefined && !kinds.includes(kind))
        context.addIssue({
          code: 'custom',
          path: [key],
          message: `means nothing for \`${kind}\`: it is for ${kinds.join(', ')}`,
        });
    }
    if (kind === 'upload' && check.size === undefined)
      context.addIssue({ code: 'custom', message: 'must have a `size`' });
    if (kind === 'long-request' && check.lasting === undefined)
      context.addIssue({ code: 'custom', message: 'must say how long it takes: `lasting`' });
  })
  .describe('One check of the new side: a request, or one of the other kinds.');

export const compareSchema = z
  .strictObject({
    paths: z
      .array(path)
      .min(1)
      .max(200)
      .optional()
      .describe('Paths that both sides are asked for; unless given, those of the checks.'),
    'ignore-headers': z.array(z.string()).default([]).describe('Headers that may differ.'),
    'ignore-json': z
      .array(z.string())
      .default([])
      .describe('JSON pointers whose content may differ; `*` stands for any key or index.'),
    'ignore-html': z
      .array(z.string())
      .default([])
      .describe('Elements of HTML that may differ, as the comparison names them: `script`, `input#token`.'),
  })
  .describe('Requests that both sides must answer alike while the old side serves.');

export const thirdPartiesSchema = z
  .record(
    z.string().regex(/^[a-z][a-z0-9-]*$/, { error: 'must be a company in lower case, such as stripe' }),
    z.strictObject({
      owner: z.string().min(1).optional().describe('Who looks after it.'),
      done: z
        .boolean()
        .default(false)
        .describe('Its addresses of webhooks and logins lead to where the application is.'),
      'subscriptions-seen': z.iso
        .date({ error: 'must be a day such as 2026-11-24' })
        .optional()
        .describe(
          'The day on which somebody looked, after the switch, whether all subscriptions are still there.',
        ),
    }),
  )
  .default({})
  .describe(
    'Companies that call the application: who changes the address with them, and whether that is done.',
  );

export type CheckFile = z.output<typeof checkSchema>;
export type StepFile = z.output<typeof step>;
