// These ids are no secrets. Node 18 has no global `crypto`.
function randomDigit(): number {
  const source = (globalThis as { crypto?: Crypto }).crypto;
  return source ? source.getRandomValues(new Uint8Array(1))[0]! % 16 : Math.floor(Math.random() * 16);
}

/** A UUID of version 7 (RFC 9562): ids of later events are greater, which the daemon likes. */
export function makeEventId(nowMillis = Date.now()): string {
  const time = nowMillis.toString(16).padStart(12, "0");
  const rest = "xxx-vxxx-xxxxxxxxxxxx".replace(/[xv]/g, (kind) =>
    (kind === "x" ? randomDigit() : 8 + (randomDigit() % 4)).toString(16),
  );
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest}`;
}
