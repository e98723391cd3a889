// SSE: judges what a stream asks for and gives its socket away.
#include <array>

#include "api/api.h"
#include "api/parameters.h"
#include "core/gate_rules.h"
#include "http/problem.h"

namespace stagelog {
namespace {

tl::expected<bool, Refusal> ParseUntil(const Call& call, bool one_job) {
  const std::optional<std::string> until = call.Parameter("until");
  if (!until) return false;
  if (*until == "terminal" && one_job) return true;
  return tl::unexpected(
      Refusal{.code = "invalid_parameter",
              .detail = one_job ? "'until' must be 'terminal'"
                                : "'until' is only supported for the stream of a single job",
              .field = "until"});
}

tl::expected<FrameForm, Refusal> ParseForm(const ApiServices& services, const Call& call) {
  const auto named = ParseSwitch(call, "named");
  if (!named) return tl::unexpected(named.error());
  const std::string format = call.Parameter("format").value_or("stagelog");
  if (format == "stagelog") {
    return FrameForm{*named ? FrameForm::Kind::kNamed : FrameForm::Kind::kPlain, nullptr};
  }
  Refusal refusal{
      .code = "invalid_parameter",
      .detail = "'format' must be 'cloudevents', 'cdevents' or 'stagelog' (the default)",
      .field = "format"};
  if (format != "cloudevents" && format != "cdevents") return tl::unexpected(std::move(refusal));
  if (*named) {
    refusal.detail = "'named' is for the stream's own format: CloudEvents have their type within";
    refusal.field = "named";
    return tl::unexpected(std::move(refusal));
  }
  return FrameForm{
      format == "cdevents" ? FrameForm::Kind::kCdEvents : FrameForm::Kind::kCloudEvents,
      std::make_shared<const std::string>(services.journal.GetStatus().journal_id)};
}

tl::expected<StreamRequest, Refusal> ParseStream(const ApiServices& services, const Call& call,
                                                 std::optional<std::string> job_id) {
  auto filter = ParseFilter(LookupIn(call));
  if (!filter) return tl::unexpected(filter.error());
  auto form = ParseForm(services, call);
  if (!form) return tl::unexpected(form.error());
  const auto until = ParseUntil(call, job_id.has_value());
  if (!until) return tl::unexpected(until.error());
  StreamRequest stream;
  stream.job_id = std::move(job_id);
  stream.filter = std::move(*filter);
  stream.start =
      ParseStreamStart(std::optional<std::string>(call.Header("Last-Event-ID")), LookupIn(call),
                       services.journal.GetStatus().journal_id, services.clock.WallMicros());
  stream.form = std::move(*form);
  stream.until_terminal = *until;
  stream.token_name = call.principal.token_name;
  stream.grant = call.principal.grant;
  if (const int64_t expires = call.principal.expires_at_micros; expires != 0) {
    const int64_t left = std::max<int64_t>(1, expires - services.clock.WallMicros());
    stream.expires_at_micros = services.clock.MonotonicMicros() + left;
  }
  return stream;
}

// To HEAD: what the head of the stream would be.
httplib::Response EmptyStreamHead() {
  httplib::Response response;
  response.status = 200;
  response.headers.emplace("Content-Type", "text/event-stream");
  response.headers.emplace("Cache-Control", "no-cache, no-transform");
  response.headers.emplace("X-Accel-Buffering", "no");
  return response;
}

// With until=terminal a client that reconnects after the end is stopped by a 204: exactly when
// the job is over and nothing that matches is later than its cursor.
bool IsAtTheEnd(const ApiServices& services, const StreamRequest& stream) {
  const std::optional<Position>& position = stream.start.position;
  const bool has_cursor =
      position && position->kind == Position::Kind::kCursor && !stream.start.foreign_journal;
  if (!stream.until_terminal || !has_cursor) return false;
  ReadRequest read;
  read.job_id = stream.job_id;
  read.after = position->value;
  read.filter = stream.filter;
  read.max_events = 1;
  const Result<Page> page = services.source.Read(read);
  return page && page->job_over && page->events.empty() && !page->has_more &&
         position->value <= page->head_seq;
}

HandlerResult Answer(const ApiServices& services, StreamRequest stream, bool is_head) {
  if (IsAtTheEnd(services, stream)) {
    httplib::Response response;
    response.status = 204;
    return {std::move(response)};
  }
  if (is_head) return {EmptyStreamHead()};
  return {UpgradeToStream{std::move(stream)}};
}

HandlerResult StartStream(const ApiServices& services, const Call& call,
                          std::optional<std::string> job_id) {
  auto stream = ParseStream(services, call, std::move(job_id));
  if (!stream) return Refused(stream.error());
  const std::optional<std::string>& job = stream->job_id;
  if (job && services.journal.IsDeleted(*job)) return Refused(DeletedJob(*job));
  const bool is_head = call.request.method == "HEAD";
  if (!stream->until_terminal) return Answer(services, std::move(*stream), is_head);
  return {RunOnPool{[services, stream = std::move(*stream), is_head]() mutable {
    return Answer(services, std::move(stream), is_head);
  }}};
}

}  // namespace

HandlerResult StreamJob(const ApiServices& services, Call call, const Responder&) {
  auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  return StartStream(services, call, std::move(*job_id));
}

HandlerResult StreamJobs(const ApiServices& services, Call call, const Responder&) {
  return StartStream(services, call, std::nullopt);
}

}  // namespace stagelog
