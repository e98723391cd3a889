// One connection for all subscriptions of a page to one daemon with the same filters: browsers allow
// six connections to a server, and a page may show twenty jobs.
import { Backoff, sleep } from "./backoff.js";
import { Daemon, type Endpoint } from "./daemon.js";
import { RefusedError, StagelogError } from "./errors.js";
import type { JournalEvent } from "./event.js";
import { EventFeed, seqOf, type EventFilter, type FeedStatus, type FeedTimes } from "./event_feed.js";
import { readPollPage } from "./poll_page.js";
import { Subscription, type SubscriptionSink } from "./subscription.js";

export interface HubOptions extends Endpoint, EventFilter {
  untilTerminal: boolean;
  pollsOnly: boolean;
  times: Partial<FeedTimes>;
}

const PAGE_EVENTS = 1000;

export class StreamHub {
  readonly #daemon: Daemon;
  readonly #subscriptions = new Set<Subscription>();
  #feed: EventFeed | undefined;
  #jobs = "";
  #status: FeedStatus = { state: "offline", missed: 0, cursor: 0 };
  #isScheduled = false;

  constructor(
    private readonly options: HubOptions,
    private readonly onEmpty: () => void,
  ) {
    this.#daemon = new Daemon(options);
  }

  add(job: string | undefined, after: number, sink: SubscriptionSink): Subscription {
    const subscription = new Subscription(job, after, sink, (closed) => this.#remove(closed));
    subscription.onRoom = () => void this.#catchUp(subscription);
    this.#subscriptions.add(subscription);
    this.#schedule();
    return subscription;
  }

  #remove(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    this.#schedule();
  }

  // What is added and removed in one turn of the event loop, as by React's strict mode, is one change.
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#update();
    });
  }

  #update(): void {
    if (this.#subscriptions.size === 0) {
      this.#feed?.stop();
      this.#feed = undefined;
      return this.onEmpty();
    }
    const all = [...this.#subscriptions];
    const wantsAll = all.some((subscription) => subscription.job === undefined);
    const jobs = wantsAll ? [] : [...new Set(all.map((subscription) => subscription.job!))].sort();
    if (!this.#feed) {
      this.#jobs = jobs.join();
      const cursor = Math.min(...all.map((subscription) => subscription.cursor));
      for (const subscription of all) subscription.isLive = true;
      this.#feed = this.#makeFeed(jobs, cursor);
      void this.#feed.run();
      return;
    }
    if (jobs.join() !== this.#jobs) {
      this.#jobs = jobs.join();
      this.#feed.select({ ...this.options, jobs });
    }
    for (const subscription of all) {
      if (!subscription.isLive) void this.#catchUp(subscription);
    }
  }

  #makeFeed(jobs: string[], cursor: number): EventFeed {
    const feed: EventFeed = new EventFeed(
      this.options,
      { ...this.options, jobs },
      cursor,
      {
        onEvent: (seq, line) => this.#dispatch(seq, line),
        onStatus: (status) => {
          this.#status = status;
          for (const subscription of this.#subscriptions) {
            // A journal that was replaced by an older copy goes on with smaller numbers.
            if (status.state === "gap") subscription.cursor = Math.min(subscription.cursor, status.cursor);
            if (subscription.isLive || status.state === "gap") subscription.tell(status);
          }
        },
        onEnd: (error) => {
          if (this.#feed === feed) this.#feed = undefined;
          const all = [...this.#subscriptions];
          this.#subscriptions.clear();
          this.onEmpty();
          for (const subscription of all) subscription.end(error);
        },
      },
      this.options.times,
    );
    return feed;
  }

  #dispatch(seq: number, line: string): void {
    let event: JournalEvent;
    try {
      event = JSON.parse(line) as JournalEvent;
    } catch {
      return; // cannot be: the daemon sends whole lines
    }
    for (const subscription of [...this.#subscriptions]) {
      const isWanted = subscription.job === undefined || subscription.job === event.job_id;
      if (subscription.isLive && isWanted) subscription.take(seq, event, line);
    }
  }

  // --- One that came later, or was too slow ---

  readonly #catchingUp = new Set<Subscription>();

  async #catchUp(subscription: Subscription): Promise<void> {
    if (this.#catchingUp.has(subscription) || subscription.isLive || subscription.isClosed) return;
    this.#catchingUp.add(subscription);
    const backoff = new Backoff();
    try {
      while (this.#feed && !subscription.isClosed && subscription.hasRoom()) {
        subscription.tell({ ...this.#status, state: "replaying", cursor: subscription.cursor });
        try {
          if (await this.#readPage(subscription)) break;
          backoff.reset();
        } catch (reason) {
          const error = reason as StagelogError;
          if (error instanceof RefusedError && error.code !== "unknown_job") return subscription.end(error);
          subscription.tell({ ...this.#status, state: "offline", problem: error.message });
          await sleep(backoff.next());
        }
      }
    } finally {
      this.#catchingUp.delete(subscription);
    }
  }

  /** True once it is where the feed is: what comes now comes to both. */
  async #readPage(subscription: Subscription): Promise<boolean> {
    const query = new URLSearchParams({ after: String(subscription.cursor), limit: String(PAGE_EVENTS) });
    for (const key of ["type", "stage", "level"] as const) {
      const words = this.options[key];
      if (words && words.length > 0) query.set(key, words.join(","));
    }
    if (this.options.q) query.set("q", this.options.q);
    const { job } = subscription;
    const path = job === undefined ? "/api/v1/events" : `/api/v1/jobs/${encodeURIComponent(job)}/events`;
    const page = readPollPage(await this.#daemon.text(`${path}?${query}`));
    for (const line of page.lines) subscription.take(seqOf(line), JSON.parse(line) as JournalEvent, line);
    subscription.cursor = Math.max(subscription.cursor, page.nextAfter);
    if (page.hasMore || !this.#feed || subscription.cursor < this.#feed.cursor) return false;
    if (!subscription.hasRoom()) return true;
    subscription.isLive = true;
    subscription.tell(this.#status);
    return true;
  }
}
