// Copying the journal while it is written to.
#include <array>
#include <cstdio>

#include "api/api.h"
#include "base/text.h"
#include "core/json_text.h"
#include "http/problem.h"

namespace stagelog {
namespace {

std::string EncodeReport(const BackupReport& report) {
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%.3f",
                static_cast<double>(report.duration_micros) / 1e6);
  std::string body = "{\"path\":";
  AppendJsonString(body, report.path);
  body += ",\"bytes\":" + std::to_string(report.bytes) + ",\"journal_id\":";
  AppendJsonString(body, report.journal_id);
  body += ",\"head_seq\":" + std::to_string(report.head_seq);
  body += ",\"jobs\":" + std::to_string(report.job_count);
  return body + ",\"seconds\":" + seconds.data() + "}\n";
}

}  // namespace

HandlerResult MakeBackup(const ApiServices& services, Call call, const Responder& responder) {
  // What names a place in a body must not be taken for what names none.
  const std::string_view body = Trimmed(call.request.body);
  if (!body.empty() && body != "{}") {
    return Refused({.code = "malformed_request",
                    .detail = "this path takes no body; the only option is ?to=<name>"});
  }
  services.backups.Backup(call.Parameter("to").value_or(""),
                          [responder](const tl::expected<BackupReport, Refusal>& report) {
                            responder.Send(report ? JsonResponse(201, EncodeReport(*report))
                                                  : ProblemResponse(report.error()));
                          });
  return {Deferred{}};
}

}  // namespace stagelog
