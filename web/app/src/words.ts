// How values are written for people, in the reader's own language and time zone where the browser knows them.
const amounts = new Map<string, Intl.NumberFormat>();

/** money writes an amount with its currency. */
export function money({ amount, currency }: { amount: string; currency: string }): string {
  let format = amounts.get(currency);
  if (!format) {
    format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
    amounts.set(currency, format);
  }
  return format.format(Number(amount));
}

const counts = new Intl.NumberFormat();

/** count writes a number of things. */
export const count = (n: number): string => counts.format(n);

const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const exactTimes = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const clocks = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** time writes a moment to the minute. */
export const time = (at: string | Date): string => times.format(new Date(at));
/** exactTime writes a moment to the second. */
export const exactTime = (at: string | Date): string => exactTimes.format(new Date(at));
/** clock writes the time of day of a moment. */
export const clock = (at: string | Date): string => clocks.format(new Date(at));

const ages = new Intl.RelativeTimeFormat(undefined, { style: 'short', numeric: 'always' });
const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400], ['month', 30 * 86_400], ['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1],
];

/** age writes how long before now a moment was: "5 min. ago". */
export function age(at: string | Date, now: number): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return ages.format(Math.trunc(seconds / size), unit);
}

/** duration writes how long something took or is: "850 ms", "12 s", "4 min 5 s", "3 h 20 min". */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) {
    return `${Math.round(milliseconds)} ms`;
  }
  const seconds = Math.floor(milliseconds / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'], [Math.floor(seconds / 3600) % 24, 'h'], [Math.floor(seconds / 60) % 60, 'min'], [seconds % 60, 's'],
  ];
  const from = parts.findIndex(([n]) => n > 0);
  return parts.slice(from, from + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(' ');
}

/** name writes a value of an enum: ON_THE_WAY is "On the way". */
export function name(value: string): string {
  const words = value.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
