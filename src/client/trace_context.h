// W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/), as programs hand it to their
// children in TRACEPARENT and TRACESTATE (OpenTelemetry, "Environment Variables as Context
// Propagation Carriers").
#ifndef STAGELOG_CLIENT_TRACE_CONTEXT_H_
#define STAGELOG_CLIENT_TRACE_CONTEXT_H_

#include <optional>
#include <string>
#include <string_view>

#include "client/settings.h"

namespace stagelog::cli {

struct TraceContext {
  std::string trace_id;        // 32 hex digits
  std::string span_id;         // 16 hex digits: of this run
  std::string parent_span_id;  // of the caller's span; empty when nobody calls
  std::string flags = "01";    // sampled

  // "00-<trace_id>-<span_id>-<flags>".
  std::string Traceparent() const;
};

// Goes on with what TRACEPARENT names, or begins a trace where it is absent or invalid.
TraceContext ContinueTrace(const Environment& environment);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_TRACE_CONTEXT_H_
