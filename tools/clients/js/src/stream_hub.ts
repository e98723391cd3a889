// One connection for all subscriptions of a page to one daemon with the same filters: browsers allow
// six connections to a server, and a page may show twenty jobs.
import { Backoff, sleep } from "./backoff.js";
import { Daemon, type Endpoint } from "./daemon.js";
import { mayPass, RefusedError, StagelogError } from "./errors.js";
import type { JournalEvent } from "./event.js";
import { EventFeed } from "./event_feed.js";
import type { EventFilter, FeedStatus, FeedTimes } from "./feed_types.js";
import { pathOf, queryOf } from "./paths.js";
import { askHead, askPage } from "./poll_page.js";
import { Subscription, type SubscriptionSink } from "./subscription.js";

export interface HubOptions extends Endpoint, EventFilter {
  untilTerminal: boolean;
  pollsOnly: boolean;
  times: Partial<FeedTimes>;
}

const MAX_NAMES_LENGTH = 4000;

export class StreamHub {
  readonly #daemon: Daemon;
  readonly #subscriptions = new Set<Subscription>();
  #feed: EventFeed | undefined;
  #jobs = "";
  #status: FeedStatus = { state: "offline", missed: 0, cursor: 0 };
  #isScheduled = false;
  #isOver = false;
  #joining = 0; // subscriptions that are not among #subscriptions yet

  constructor(
    private readonly options: HubOptions,
    private readonly onEmpty: () => void,
  ) {
    this.#daemon = new Daemon(options);
  }

  add(job: string | undefined, after: number | "now", sink: SubscriptionSink): Subscription {
    const start = after === "now" ? 0 : after;
    const subscription = new Subscription(job, start, sink, (closed) => this.#remove(closed));
    subscription.onRoom = () => void this.#catchUp(subscription);
    void this.#join(subscription, after);
    return subscription;
  }

  /** What comes from now on is what is later than the head of the journal, which is asked for first. */
  async #join(subscription: Subscription, after: number | "now"): Promise<void> {
    const backoff = new Backoff();
    ++this.#joining;
    while (after === "now" && !subscription.isClosed) {
      try {
        after = await askHead(this.#daemon);
        subscription.cursor = after;
      } catch (reason) {
        const error = reason as StagelogError;
        if (!mayPass(error)) subscription.end(error);
        subscription.tell({ ...this.#status, state: "offline", problem: error.message });
        await sleep(backoff.next());
      }
    }
    --this.#joining;
    if (!subscription.isClosed) this.#subscriptions.add(subscription);
    this.#schedule();
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
      if (this.#joining === 0) this.onEmpty();
      return;
    }
    const all = [...this.#subscriptions];
    const wantsAll = all.some((subscription) => subscription.job === undefined);
    const names = wantsAll ? [] : [...new Set(all.map((subscription) => subscription.job!))].sort();
    // More than a URL has room for: all events come, and are sorted out here.
    const jobs = names.join().length > MAX_NAMES_LENGTH ? [] : names;
    if (!this.#feed) {
      this.#jobs = jobs.join();
      const cursor = Math.min(...all.map((subscription) => subscription.cursor));
      for (const subscription of all) subscription.isLive = true;
      this.#isOver = false;
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
        onEvent: (event, line) => this.#dispatch(event, line),
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
          this.#isOver = true;
          const all = [...this.#subscriptions];
          this.#subscriptions.clear();
          this.onEmpty();
          for (const subscription of all) {
            // One that is behind has its pages to read.
            if (subscription.isLive || error) subscription.end(error);
            else void this.#catchUp(subscription);
          }
        },
      },
      this.options.times,
    );
    return feed;
  }

  #dispatch(event: JournalEvent, line: string): void {
    for (const subscription of [...this.#subscriptions]) {
      const isWanted = subscription.job === undefined || subscription.job === event.job_id;
      if (subscription.isLive && isWanted) subscription.take(event, line);
      else if (isWanted) subscription.wasPassedOver = true;
    }
  }

  // --- One that came later, or was too slow ---

  readonly #catchingUp = new Set<Subscription>();

  async #catchUp(subscription: Subscription): Promise<void> {
    if (this.#catchingUp.has(subscription) || subscription.isLive || subscription.isClosed) return;
    this.#catchingUp.add(subscription);
    const backoff = new Backoff();
    try {
      while ((this.#feed || this.#isOver) && !subscription.isClosed && subscription.hasRoom()) {
        subscription.wasPassedOver = false;
        subscription.tell({ ...this.#status, state: "replaying", cursor: subscription.cursor });
        try {
          if (await this.#readPage(subscription)) break;
          backoff.reset();
        } catch (reason) {
          const error = reason as StagelogError;
          if (error instanceof RefusedError) {
            if (this.#refused(subscription, error)) return;
            continue;
          }
          subscription.tell({ ...this.#status, state: "offline", problem: error.message });
          await sleep(backoff.next());
        }
      }
    } finally {
      this.#catchingUp.delete(subscription);
    }
  }

  /** True where nothing is left to ask for. */
  #refused(subscription: Subscription, error: RefusedError): boolean {
    if (error.code === "unknown_job" && this.#feed) {
      // Nothing to catch up with, unless its first event has come meanwhile.
      subscription.isLive = !subscription.wasPassedOver;
      if (subscription.isLive) subscription.tell(this.#status);
      return subscription.isLive;
    }
    if (error.code === "cursor_beyond_head" && this.#feed) {
      subscription.cursor = this.#feed.cursor;
      subscription.isLive = true;
      subscription.tell({ ...this.#status, state: "gap", missed: NaN });
    } else {
      subscription.end(error.code === "job_deleted" ? undefined : error);
    }
    return true;
  }

  /** True once it is where the feed is: what comes now comes to both. */
  async #readPage(subscription: Subscription): Promise<boolean> {
    const path = `${pathOf(subscription.job)}/events`;
    const page = await askPage(this.#daemon, path, queryOf(this.options), subscription.cursor);
    for (const line of page.lines) subscription.take(JSON.parse(line) as JournalEvent, line);
    subscription.cursor = Math.max(subscription.cursor, page.nextAfter);
    if (this.#isOver && !page.hasMore) {
      subscription.end();
      return true;
    }
    if (page.hasMore || !this.#feed || subscription.cursor < this.#feed.cursor) return false;
    if (!subscription.hasRoom()) return true;
    subscription.isLive = true;
    subscription.tell(this.#status);
    return true;
  }
}
