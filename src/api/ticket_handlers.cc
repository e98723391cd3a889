// Tickets: a part of what a token may do, for a page of another origin or a worker that is not
// trusted with the token.
#include <array>

#include "api/api.h"
#include "api/flat_body.h"
#include "base/timestamp.h"
#include "core/identifier.h"
#include "core/json_text.h"
#include "http/access/grants.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 3> kTicketKeys = {"job", "seconds", "append"};
constexpr int64_t kMaxTicketSeconds = 3'600;
constexpr int64_t kTicketSeconds = 900;

// What a ticket is asked to open.
struct TicketOrder {
  std::string job_id;  // empty: all jobs
  int64_t seconds = kTicketSeconds;
  bool may_append = false;
};

tl::expected<TicketOrder, Refusal> ReadTicketOrder(const Call& call) {
  const auto body = FlatBody::Read(call, kTicketKeys);
  if (!body) return tl::unexpected(body.error());
  const auto job = body->Text("job");
  if (!job) return tl::unexpected(job.error());
  const auto seconds = body->WholeNumber("seconds", 1, kMaxTicketSeconds);
  if (!seconds) return tl::unexpected(seconds.error());
  const auto append = body->Truth("append");
  if (!append) return tl::unexpected(append.error());
  if (*job && !IsJobId(**job)) {
    return tl::unexpected(Refusal{.code = "invalid_id",
                                  .detail = "'job' must be " + std::string(kNameRule) +
                                            ", and must not start with 'stagelog.'",
                                  .field = "job"});
  }
  if (*append && !*job) {
    return tl::unexpected(Refusal{.code = "missing_field",
                                  .detail = "a ticket that appends is for one 'job'",
                                  .field = "job"});
  }
  if (*append && *seconds) {
    return tl::unexpected(
        Refusal{.code = "invalid_field",
                .detail = "'seconds' must be left out: a ticket that appends ends with its job",
                .field = "seconds"});
  }
  return TicketOrder{job->value_or(""), seconds->value_or(kTicketSeconds), *append};
}

std::optional<Refusal> CheckMayGrant(const Principal& principal, const TicketOrder& order) {
  if (!order.may_append) return std::nullopt;
  if (!principal.May(Role::kWriter)) {
    return MissingRole("a ticket that appends", Role::kWriter, principal);
  }
  // It has no end in time, and must not outlive a sign-out.
  if (principal.door == Principal::Door::kToken) return std::nullopt;
  return Refusal{.code = "token_required",
                 .detail =
                     "a session makes no ticket that appends; send 'Authorization: Bearer "
                     "<token>'",
                 .field = "Authorization"};
}

}  // namespace

HandlerResult MakeTicket(const ApiServices& services, Call call, const Responder&) {
  if (services.grants == nullptr) {
    return Refused({.code = "read_only", .detail = "a replay makes no tickets; send the token"});
  }
  const auto order = ReadTicketOrder(call);
  if (!order) return Refused(order.error());
  if (auto refusal = CheckMayGrant(call.principal, *order)) return Refused(*refusal);
  const int64_t expires =
      order->may_append ? 0 : services.clock.WallMicros() + order->seconds * 1'000'000;
  const std::string ticket =
      services.grants->MakeTicket(call.principal, order->job_id, order->may_append, expires);
  std::string body;
  AppendJsonMember(body, "ticket", JsonString(ticket));
  if (!order->job_id.empty()) AppendJsonMember(body, "job", JsonString(order->job_id));
  AppendJsonMember(body, "append", order->may_append ? "true" : "false");
  if (expires != 0) AppendJsonMember(body, "expires_at", JsonString(FormatTimestamp(expires)));
  httplib::Response response = JsonResponse(201, body + "}\n");
  response.headers.emplace("Cache-Control", "no-store");
  return {std::move(response)};
}

}  // namespace stagelog
