// Times as text. The vectors have the one spelling that a journal writes; a line that was edited may have others.
import { describe, expect, it } from "vitest";
import { formatTimestamp, parseTimestamp } from "../src/fold/timestamp.js";

describe("parseTimestamp", () => {
  it.each([
    ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"],
    ["2026-11-21T07:41:02.123456Z", "2026-11-21T07:41:02.123456Z"],
    ["2026-11-21t07:41:02.1z", "2026-11-21T07:41:02.100000Z"],
    ["2026-11-21 07:41:02.1234569Z", "2026-11-21T07:41:02.123456Z"],
    ["2026-11-21T07:41:02+01:30", "2026-11-21T06:11:02.000000Z"],
    ["2026-12-31T23:00:00-01:30", "2027-01-01T00:30:00.000000Z"],
    ["2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.999999Z"],
    ["2017-01-01T00:59:60+01:00", "2016-12-31T23:59:59.999999Z"],
    ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000Z"],
    ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"],
    ["1900-03-01T00:00:00Z", "1900-03-01T00:00:00.000000Z"],
    ["2254-12-31T23:59:59.999999Z", "2254-12-31T23:59:59.999999Z"],
  ])("reads %s", (text, canonical) => {
    const micros = parseTimestamp(text);
    expect(micros).toBeTypeOf("number");
    expect(formatTimestamp(micros ?? 0)).toBe(canonical);
  });

  it.each([
    "",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:61Z",
    "2026-01-01T00:30:60Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00+24:00",
    "0000-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "26-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z ",
  ])("refuses '%s'", (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it("agrees with the platform on every day of four centuries", () => {
    const dayMillis = 86_400_000;
    for (let millis = Date.UTC(1850, 0, 1); millis < Date.UTC(2250, 0, 1); millis += dayMillis) {
      const text = new Date(millis).toISOString();
      const micros = parseTimestamp(text);
      if (micros !== millis * 1000) expect(micros, text).toBe(millis * 1000);
      const back = formatTimestamp(millis * 1000);
      if (back !== text.replace("Z", "000Z")) expect(back).toBe(text);
    }
  });
});
