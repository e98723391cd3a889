// Times as text, as in src/base/timestamp.h. A time is a number of microseconds since 1970. Doubles hold those of
// 2026 exactly (1.8e15), and all up to the year 2255, where 2^53 is reached: a journal's `ts` that is later than that
// is rounded.

const MICROS_PER_SECOND = 1_000_000;
const SECONDS_PER_DAY = 86_400;
const MICROS_PER_DAY = SECONDS_PER_DAY * MICROS_PER_SECOND;
const FIRST_SECOND = -62_167_219_200; // 0000-01-01
const END_SECOND = 253_402_300_800; // 10000-01-01

const RFC_3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

// Days since 1970 of a day of the Gregorian calendar, and back. Years begin in March, so that the leap day is their
// last; 400 years have 146,097 days. (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".)
function dayCountOf(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function dateOf(dayCount: number): { year: number; month: number; day: number } {
  const shifted = dayCount + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}

function daysInMonth(year: number, month: number): number {
  const next = month === 12 ? dayCountOf(year + 1, 1, 1) : dayCountOf(year, month + 1, 1);
  return next - dayCountOf(year, month, 1);
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, "0");
}

/** "2026-11-21T07:41:02.123456Z"; years 0 to 9999 only (clamped). */
export function formatTimestamp(micros: number): string {
  const first = FIRST_SECOND * MICROS_PER_SECOND;
  const last = (END_SECOND - 1) * MICROS_PER_SECOND; // a microsecond is less than the distance of two doubles here
  const clamped = Math.min(Math.max(micros, first), last);
  // Remainders are exact, quotients of doubles are not.
  const inDay = ((clamped % MICROS_PER_DAY) + MICROS_PER_DAY) % MICROS_PER_DAY;
  const { year, month, day } = dateOf((clamped - inDay) / MICROS_PER_DAY);
  const fraction = inDay % MICROS_PER_SECOND;
  const seconds = (inDay - fraction) / MICROS_PER_SECOND;
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
  const hours = digits(Math.floor(seconds / 3600), 2);
  const minutes = digits(Math.floor(seconds / 60) % 60, 2);
  return `${date}T${hours}:${minutes}:${digits(seconds % 60, 2)}.${digits(fraction, 6)}Z`;
}

/**
 * Microseconds since 1970 of an RFC 3339 time. Digits after the sixth are cut off. A leap second (at the end of an
 * hour of UTC only) is the last microsecond before it. Undefined: not such a time, or no such day.
 */
export function parseTimestamp(text: string): number | undefined {
  const parts = RFC_3339.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1, 7).map(Number);
  const fractionMicros = Number((parts[7] ?? "").slice(0, 6).padEnd(6, "0"));
  const offsetHours = Number(parts[9] ?? 0);
  const offsetMinutes = Number(parts[10] ?? 0);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined;
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;
  const offsetSeconds = (parts[8] === "-" ? -1 : 1) * (offsetHours * 3600 + offsetMinutes * 60);
  const isLeapSecond = seconds === 60;
  const inDay = hours * 3600 + minutes * 60 + Math.min(seconds, 59);
  const total = dayCountOf(year, month, day) * SECONDS_PER_DAY + inDay - offsetSeconds;
  if (isLeapSecond && ((total % 3600) + 3600) % 3600 !== 3599) return undefined;
  // An offset can lead out of the years that have a spelling.
  if (total < FIRST_SECOND || total >= END_SECOND) return undefined;
  return total * MICROS_PER_SECOND + (isLeapSecond ? MICROS_PER_SECOND - 1 : fractionMicros);
}
