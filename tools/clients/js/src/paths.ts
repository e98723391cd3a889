import type { EventFilter } from "./feed_types.js";

/** Of a job; undefined: of all. */
export function pathOf(job?: string): string {
  return "/api/v1" + (job === undefined ? "" : `/jobs/${encodeURIComponent(job)}`);
}

export function queryOf(filter: EventFilter): URLSearchParams {
  const query = new URLSearchParams();
  for (const key of ["type", "stage", "level"] as const) {
    if (filter[key]?.length) query.set(key, filter[key].join());
  }
  if (filter.q) query.set("q", filter.q);
  return query;
}
