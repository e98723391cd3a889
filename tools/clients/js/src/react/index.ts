export { useJobEvents, type JobEvents, type JobEventsOptions } from "./use_events.js";
export { useJobState, type JobStateOptions, type JobStateResult, type JobStateView } from "./use_job_state.js";
export { useLogStream, type LogEntry, type LogStream, type LogStreamOptions } from "./use_log_stream.js";
export { LogPanel, type LogPanelProps } from "./log_panel.js";
export { BASE_EVENT_LABELS, makeFormatEvent, type EventLabel } from "./format_event.js";
