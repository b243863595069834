// Numbers and times as text.
const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});
const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

export const NONE = '–';

export const number = (value) => (value == null ? NONE : NUMBER.format(value));

/** A duration in milliseconds: 840 ms, 2.4 s, 3 min 20 s. */
export function duration(ms) {
  if (ms == null || Number.isNaN(ms)) return NONE;
  if (ms < 1000) return `${ms < 10 ? NUMBER.format(ms) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${NUMBER.format(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export const between = (from, to) => new Date(to) - new Date(from);
export const clock = (time) => CLOCK.format(new Date(time));
export const date = (time) => DATE.format(new Date(time));

/** How long ago: 5 minutes ago, yesterday. */
export function ago(time) {
  if (!time) return 'never';
  const seconds = (new Date(time) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return RELATIVE.format(Math.round(seconds / size), unit);
}

export function bytes(size) {
  if (size < 1024) return `${size} bytes`;
  return size < 1024 ** 2 ? `${NUMBER.format(size / 1024)} KiB` : `${NUMBER.format(size / 1024 ** 2)} MiB`;
}

export const percent = (share) => (share == null ? NONE : `${NUMBER.format(share * 100)} %`);

/** Names as words: timed_out becomes Timed out. */
export function words(name) {
  const text = name.replaceAll('_', ' ').toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The share of finished runs that succeeded; runs that somebody cancelled do not count. */
export function successRate(counters) {
  const all = counters.success_count + counters.error_count + counters.timed_out_count;
  return all ? counters.success_count / all : null;
}

export const runs = (counters) =>
  counters.success_count + counters.error_count + counters.timed_out_count + counters.cancelled_count;
