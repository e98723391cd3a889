// The digits of a double by Grisu2, as nlohmann_json has it (Florian Loitsch, "Printing Floating-Point Numbers Quickly
// and Accurately with Integers", 2010). JavaScript prints the shortest digits that mean the double. Grisu2 misses
// those of about one double in a thousand and prints more, so a state that is to have the same bytes needs Grisu2.

/** digits * 10^exponent */
export interface Decimal {
  digits: string;
  exponent: number;
}

/** f * 2^e; f has 64 bits at most. */
interface DiyFloat {
  f: bigint;
  e: number;
}

const PRECISION = 64;
const HIDDEN_BIT = 1n << 52n;
const BIAS = 1023 + 52;

// The exponent of a product with a cached power is in [ALPHA, -32].
const ALPHA = -60;

// Cached powers of ten: 10^-300, 10^-292, ..., 10^324.
const LEAST_CACHED_POWER = -300;
const CACHED_POWER_STEP = 8;

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

function normalize({ f, e }: DiyFloat): DiyFloat {
  const shift = PRECISION - bitLength(f);
  return { f: f << BigInt(shift), e: e - shift };
}

// The upper 64 bits of the product. The library adds its partial products without the lowest one's lower half, which
// never carries into what is kept.
function multiply(x: DiyFloat, y: DiyFloat): DiyFloat {
  return { f: (x.f * y.f + (1n << 63n)) >> 64n, e: x.e + y.e + PRECISION };
}

const cachedPowers = new Map<number, DiyFloat>();

// 10^k, rounded to 64 bits.
function powerOfTen(k: number): DiyFloat {
  const known = cachedPowers.get(k);
  if (known !== undefined) return known;
  let power: DiyFloat;
  if (k >= 0) {
    const whole = 10n ** BigInt(k);
    power = roundToPrecision(whole, 0);
  } else {
    const divisor = 10n ** BigInt(-k);
    const shift = bitLength(divisor) + 2 * PRECISION;
    power = roundToPrecision((1n << BigInt(shift)) / divisor, -shift);
  }
  cachedPowers.set(k, power);
  return power;
}

function roundToPrecision(f: bigint, e: number): DiyFloat {
  const excess = bitLength(f) - PRECISION;
  if (excess <= 0) return normalize({ f, e });
  const half = 1n << BigInt(excess - 1);
  return { f: (f + half) >> BigInt(excess), e: e + excess };
}

function cachedPowerFor(e: number): { power: DiyFloat; k: number } {
  const f = ALPHA - e - 1;
  const least = Math.trunc((f * 78913) / (1 << 18)) + (f > 0 ? 1 : 0); // f * log10(2), rounded up
  const index = Math.trunc((-LEAST_CACHED_POWER + least + (CACHED_POWER_STEP - 1)) / CACHED_POWER_STEP);
  const k = LEAST_CACHED_POWER + index * CACHED_POWER_STEP;
  return { power: powerOfTen(k), k };
}

// The double itself and the ends of what is read as this double.
function boundariesOf(value: number): { w: DiyFloat; minus: DiyFloat; plus: DiyFloat } {
  const bits = new BigUint64Array(new Float64Array([value]).buffer)[0] ?? 0n;
  const exponent = Number(bits >> 52n);
  const fraction = bits & (HIDDEN_BIT - 1n);
  const v: DiyFloat = exponent === 0 ? { f: fraction, e: 1 - BIAS } : { f: fraction + HIDDEN_BIT, e: exponent - BIAS };
  const isLowerCloser = fraction === 0n && exponent > 1;
  const plus = normalize({ f: 2n * v.f + 1n, e: v.e - 1 });
  const lower: DiyFloat = isLowerCloser ? { f: 4n * v.f - 1n, e: v.e - 2 } : { f: 2n * v.f - 1n, e: v.e - 1 };
  return {
    w: normalize(v),
    minus: { f: lower.f << BigInt(lower.e - plus.e), e: plus.e },
    plus,
  };
}

/** The digits of a double that is finite and greater than 0. */
export function grisu2(value: number): Decimal {
  const { w, minus, plus } = boundariesOf(value);
  const { power, k } = cachedPowerFor(plus.e);
  const scaled = multiply(w, power);
  const low = multiply(minus, power).f + 1n;
  const high = multiply(plus, power).f - 1n;
  return generateDigits(low, scaled.f, high, scaled.e, -k);
}

// Digits of `high` until what is left out is less than the distance to `low`.
function generateDigits(low: bigint, w: bigint, high: bigint, e: number, exponent: number): Decimal {
  const shift = BigInt(-e);
  const mask = (1n << shift) - 1n;
  let delta = high - low;
  let distance = high - w;
  const whole = high >> shift;
  let fraction = high & mask;

  const wholeDigits = whole.toString();
  for (let taken = 1; taken <= wholeDigits.length; ++taken) {
    const unit = 10n ** BigInt(wholeDigits.length - taken);
    const rest = (whole % unit << shift) + fraction;
    if (rest > delta) continue;
    const digits = roundDigits(wholeDigits.slice(0, taken), distance, delta, rest, unit << shift);
    return { digits, exponent: exponent + wholeDigits.length - taken };
  }

  let digits = wholeDigits;
  for (let count = 1; ; ++count) {
    fraction *= 10n;
    digits += (fraction >> shift).toString();
    fraction &= mask;
    delta *= 10n;
    distance *= 10n;
    if (fraction > delta) continue;
    return {
      digits: roundDigits(digits, distance, delta, fraction, 1n << shift),
      exponent: exponent - count,
    };
  }
}

// Takes from the last digit what brings the number nearer to the double.
function roundDigits(digits: string, distance: bigint, delta: bigint, rest: bigint, unit: bigint): string {
  let last = Number(digits.slice(-1));
  while (
    rest < distance &&
    delta - rest >= unit &&
    (rest + unit < distance || distance - rest > rest + unit - distance)
  ) {
    --last;
    rest += unit;
  }
  return digits.slice(0, -1) + String(last);
}
