// Doubles as the C++ code prints them in a state: byte for byte what nlohmann_json writes.
import { grisu2 } from "./grisu2.js";

// Below this a double that has no fraction is written as an integer.
const WHOLE_BOUND = 9e15;

// printf("%.5e"): six digits.
const ROUNDED_DIGITS = 6;
// As many digits as toExponential() gives. They show whether a double lies exactly between two of six digits.
const ALL_DIGITS = 100;

// nlohmann_json writes 10^-4 up to 10^15 without an exponent.
const LEAST_PLAIN_EXPONENT = -4;
const GREATEST_PLAIN_EXPONENT = 15;

/** A figure as it was reported; a whole number is written as one. `figure` is finite. */
export function exact(figure: number): string {
  if (Math.abs(figure) < WHOLE_BOUND && Math.floor(figure) === figure) return String(figure);
  return dumpDouble(figure);
}

/** A figure that was worked out: six digits are plenty. `figure` is finite. */
export function rounded(figure: number): string {
  return exact(roundToSixDigits(figure));
}

/**
 * What strtod() reads of what printf("%.5e") writes. Both printf and toExponential() round to the nearest; of two that
 * are equally near, printf takes the one with the even last digit, and toExponential() the greater one.
 */
function roundToSixDigits(figure: number): number {
  // A double that lies between two of six digits has seven.
  const mayBeTie = Number(figure.toExponential(ROUNDED_DIGITS)) === figure;
  if (!mayBeTie) return Number(figure.toExponential(ROUNDED_DIGITS - 1));
  const text = Math.abs(figure).toExponential(ALL_DIGITS);
  const [mantissa = "", exponent = "0"] = text.split("e");
  const digits = mantissa.replace(".", "");
  const kept = digits.slice(0, ROUNDED_DIGITS);
  const rest = digits.slice(ROUNDED_DIGITS);
  const half = "5".padEnd(rest.length, "0");
  const isOdd = Number(kept.charAt(ROUNDED_DIGITS - 1)) % 2 === 1;
  const isUp = rest > half || (rest === half && isOdd);
  const whole = Number(kept) + (isUp ? 1 : 0);
  const value = Number(`${whole}e${Number(exponent) - (ROUNDED_DIGITS - 1)}`);
  return figure < 0 ? -value : value;
}

/** nlohmann::detail::to_chars() for a double that is finite. */
export function dumpDouble(value: number): string {
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (value === 0) return `${sign}0.0`;
  const { digits, exponent } = grisu2(Math.abs(value));
  return sign + placePoint(digits, exponent);
}

// digits * 10^exponent, "format_buffer" of the library.
function placePoint(digits: string, exponent: number): string {
  const count = digits.length;
  const point = count + exponent; // digits before it
  if (count <= point && point <= GREATEST_PLAIN_EXPONENT) return `${digits.padEnd(point, "0")}.0`;
  if (point > 0 && point <= GREATEST_PLAIN_EXPONENT) {
    return `${digits.slice(0, point)}.${digits.slice(point)}`;
  }
  if (point > LEAST_PLAIN_EXPONENT && point <= 0) return `0.${"0".repeat(-point)}${digits}`;
  const mantissa = count === 1 ? digits : `${digits.charAt(0)}.${digits.slice(1)}`;
  const power = point - 1;
  return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
