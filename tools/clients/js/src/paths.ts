import { StagelogError } from "./errors.js";
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

/** Throws where the daemon would refuse it, for all that share a connection. */
export function checkJobName(job: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(job)) throw new StagelogError(`'${job}' cannot be the name of a job`);
}
