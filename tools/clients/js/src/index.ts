export { AuthError, ProtocolError, RefusedError, StagelogError, UnreachableError } from "./errors.js";
export { type EventDraft, type JournalEvent, type Level } from "./event.js";
export type { Endpoint } from "./daemon.js";
export type { EventFilter, FeedState, FeedStatus, FeedTimes } from "./feed_types.js";
export { streamEvents, type EventStream, type StreamOptions } from "./stream_events.js";
export { createJobLogger, JobLogger } from "./job_logger.js";
export type { GateApproval, GateDecision, GateField, GateOptions, JobLoggerOptions } from "./job_logger_options.js";
export type { LogOptions, Stage } from "./stage.js";
