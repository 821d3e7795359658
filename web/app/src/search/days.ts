// Days as the address bar has them, 2026-03-01.

/** zone is the reader's time zone: "Asia/Tokyo". */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
const months = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' });
const shortMonths = new Intl.DateTimeFormat(undefined, { month: 'short', year: '2-digit', timeZone: 'UTC' });

/** day writes a day for people. */
export const day = (of: string): string => days.format(new Date(of));

/** month writes a month, 2026-03, for people. */
export const month = (of: string): string => months.format(new Date(of));
/** shortMonth writes it in little room. */
export const shortMonth = (of: string): string => shortMonths.format(new Date(of));

/** spanOf returns the first and the last day of a month. */
export function spanOf(month: string): { from: string; to: string } {
  const first = new Date(`${month}-01`);
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0));
  return { from: first.toISOString().slice(0, 10), to: last.toISOString().slice(0, 10) };
}

/** monthsUpTo lists so many months that end with this one. */
export function monthsUpTo(last: string, many: number): string[] {
  const at = new Date(`${last}-01`);
  return Array.from({ length: many }, (_, i) =>
    new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - (many - 1 - i), 1)).toISOString().slice(0, 7),
  );
}

/** daysAgo returns the day so many days before today, where the reader is. */
export function daysAgo(many: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate() - many)).toISOString().slice(0, 10);
}
