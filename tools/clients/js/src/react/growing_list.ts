interface Numbered {
  seq: number;
}

/** The first place in `list`, which is in the order of seq, whose seq is not less. */
export function placeOf(list: readonly Numbered[], seq: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]!.seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * How many of `before` are still at the beginning of `now`, after older ones were let go. What was made
 * of those need not be made again. 0: nothing goes on.
 */
export function keptOf<T extends Numbered>(before: readonly T[], now: readonly T[]): number {
  const [first] = now;
  if (first === undefined) return 0;
  const from = placeOf(before, first.seq);
  const kept = before.length - from;
  const goesOn = kept > 0 && kept <= now.length && before[from] === first && before.at(-1) === now[kept - 1];
  return goesOn ? kept : 0;
}
