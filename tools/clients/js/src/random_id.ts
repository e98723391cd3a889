function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  const source = (globalThis as { crypto?: Crypto }).crypto;
  if (source?.getRandomValues) return source.getRandomValues(bytes);
  // Node 18 has no global `crypto`. These ids are no secrets.
  return bytes.map(() => Math.floor(Math.random() * 256));
}

/** A UUID of version 7 (RFC 9562): ids of later events are greater, which the daemon likes. */
export function makeEventId(nowMillis = Date.now()): string {
  const bytes = randomBytes(16);
  for (let i = 0; i < 6; ++i) bytes[i] = Math.floor(nowMillis / 2 ** (8 * (5 - i))) % 256;
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
