// Which names are valid, as in src/core/identifier.h. They are ASCII, so that characters are bytes.

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const EVENT_ID = /^[!-~]{1,128}$/;
const MAX_PATH_BYTES = 512;

export function isName(text: string): boolean {
  return NAME.test(text);
}

export function isJobId(text: string): boolean {
  return isName(text) && !text.startsWith("stagelog.") && !text.startsWith("journal.json");
}

export function isStagePath(text: string): boolean {
  return text.length <= MAX_PATH_BYTES && text.split("/").every(isName);
}

export function isEventId(text: string): boolean {
  return EVENT_ID.test(text);
}
