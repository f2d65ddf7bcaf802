/** What a Heroku would do that is otherwise than is believed, for whoever must notice. */
export type Otherwise =
  /** The default role may make tables and no schema. */
  | 'no-schemas'
  /** Key-Value Store refuses CLIENT TRACKING. */
  | 'no-tracking'
  /** A slug can only be released on the app that built it. */
  | 'own-slugs-only'
  /** A slug goes with the app that built it. */
  | 'slugs-die-with-their-app'
  /** A slug that was uploaded by hand runs with the files of the one before it. */
  | 'empty-slugs-keep-the-code';

/** The times that this Heroku plays. They are printed beside every figure they influence. */
export interface Played {
  /** One minute of Heroku Scheduler. */
  schedulerMinuteMs: number;
  /** Minute of the played UTC day at which Scheduler's clock starts. */
  schedulerStartMinute: number;
  /** From SIGTERM to SIGKILL. Heroku: 30 s. */
  shutdownSeconds: number;
  /** A web dyno that does not bind $PORT in this time has crashed (R10). Heroku: 60 s. */
  bootSeconds: number;
  /** The router holds a request this long while web dynos start, then H20. Heroku: 75 s. */
  holdSeconds: number;
  /** Without a first byte from the dyno in this time, H12. Heroku: 30 s. */
  firstByteSeconds: number;
  /** After the first byte, silence of this length ends the response, H15. Heroku: 55 s. */
  idleSeconds: number;
  /** From the upload of source code to its slug; how long Heroku takes for a program without dependencies is not known. */
  buildMs: number;
  /** Wait before a crashed dyno is started again; doubles with every crash, up to a minute. */
  crashBackoffMs: number;
  /** Tokens of one account per hour (GCRA). Heroku: 4,500. */
  requestsPerHour: number;
  otherwise: readonly Otherwise[];
}

/** Heroku's own times, but for Scheduler, whose minute is played as one second. */
export const defaultPlayed: Played = {
  schedulerMinuteMs: 1000,
  schedulerStartMinute: 0,
  shutdownSeconds: 30,
  bootSeconds: 60,
  holdSeconds: 75,
  firstByteSeconds: 30,
  idleSeconds: 55,
  buildMs: 1500,
  crashBackoffMs: 1000,
  requestsPerHour: 4500,
  otherwise: [],
};
