// Loaded before anything else into each process of a machine whose clock is wrong. Only dates are: how long something takes
// is measured by another clock, here as there; certificates are judged by the machine's own time.
const off = Number(process.env.REHEARSAL_CLOCK_OFF_MS ?? 0);
const RightDate = Date;
const now = () => RightDate.now() + off;

globalThis.Date = new Proxy(RightDate, {
  apply: () => new RightDate(now()).toString(),
  construct: (target, values, newTarget) =>
    Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget),
  get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
});
RightDate.prototype.constructor = globalThis.Date;
