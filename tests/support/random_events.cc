#include "tests/support/random_events.h"

#include <bit>
#include <cmath>
#include <cstdio>

namespace stagelog {
namespace {

const std::vector<std::string> kStages = {"train",         "train/epoch-1", "train/epoch-2",
                                          "test",          "train/e/f/g",   "encode",
                                          "encode/pass-1", "upload"};
const std::vector<std::string> kGates = {"review", "deploy", "train"};
const std::vector<std::string> kMessages = {"", "", "encoded 9000 frames",
                                            "\"quoted\" and \\ and \n",
                                            "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xac"};

// A type as often as it stands here.
const std::vector<std::string> kTypes = {"job_created",
                                         "job_started",
                                         "job_started",
                                         "job_resumed",
                                         "job_resumed",
                                         "job_resumed",
                                         "job_completed",
                                         "job_failed",
                                         "job_canceled",
                                         "stage_started",
                                         "stage_started",
                                         "stage_started",
                                         "stage_started",
                                         "stage_started",
                                         "stage_started",
                                         "stage_progress",
                                         "stage_progress",
                                         "stage_progress",
                                         "stage_progress",
                                         "stage_progress",
                                         "stage_progress",
                                         "stage_progress",
                                         "stage_progress",
                                         "stage_completed",
                                         "stage_completed",
                                         "stage_completed",
                                         "stage_failed",
                                         "stage_failed",
                                         "gate_pause",
                                         "gate_pause",
                                         "gate_pause",
                                         "gate_approved",
                                         "gate_approved",
                                         "gate_approved",
                                         "gate_auto_approved",
                                         "gate_rejected",
                                         "gate_expired",
                                         "log",
                                         "log",
                                         "log",
                                         "x-note",
                                         "x-a.b_c"};

const std::vector<std::string> kJobPayloads = {
    "", "{}", R"({"pipeline":"film","stages":["train","train/epoch-1","train/epoch-9","mux"]})",
    R"({"pipeline":"etl","other":[1,{"a":null}]})",
    R"({"stages":["a/b/c","a","a"],"strict":false})"};

const std::vector<std::string> kGatePayloads = {
    "",
    R"({"prompt":"go?","options":["a","b\"c"],"approvers":["ann","ben"]})",
    R"({"timeout_seconds":60})",
    R"({"timeout_seconds":31536000,"on_timeout":"approve"})",
    R"({"timeout_seconds":1,"on_timeout":"reject","prompt":"\u00e9"})",
    R"({"required":2})",
    R"({"required":2,"allow_self":false,"fields":[{"name":"n","type":"number","max":9},)"
    R"({"name":"t","type":"text"}],"options":["a"]})"};

const std::vector<std::string> kDecisionPayloads = {"",
                                                    R"({"comment":"fine","via":"api"})",
                                                    R"({"choice":"a","comment":"\ud83d\ude00"})",
                                                    R"({"via":"timer"})",
                                                    R"({"answers":{"n":1.50,"t":"\u00e9"}})",
                                                    R"({"choice":"a","answers":{"n":10}})"};

const std::vector<std::string> kAbsurdFigures = {"-1",
                                                 "1e308",
                                                 "-1e-310",
                                                 "\"7\"",
                                                 "[1]",
                                                 "1e18",
                                                 "1e-310",
                                                 "-0.0",
                                                 "null",
                                                 "true",
                                                 "100",
                                                 "0",
                                                 "18446744073709551615"};

}  // namespace

RandomEvents::RandomEvents(uint64_t seed, std::vector<std::string> jobs)
    : random_(seed), times_(seed), jobs_(std::move(jobs)) {}

EventDraft RandomEvents::Next() { return NextOf(Pick(jobs_)); }

// An end is common enough in the list above to make all of a job's further life illegal: most are
// drawn again.
std::string RandomEvents::Type() {
  const std::string type = Pick(kTypes);
  const bool is_end = type == "job_completed" || type == "job_failed" || type == "job_canceled";
  const unsigned kept = type == "job_completed" ? 2 : 25;
  return is_end && !Happens(kept) ? "stage_progress" : type;
}

EventDraft RandomEvents::NextOf(const std::string& job_id) {
  EventDraft draft;
  draft.type = Type();
  const TypeTraits* traits = FindType(draft.type);
  draft.kind = traits->type;
  draft.job_id = job_id;
  if (traits->needs_stage || Happens(10)) draft.stage = Pick(kStages);
  if (traits->needs_gate || Happens(5)) draft.gate = Pick(kGates);
  if (Happens(8)) draft.attempt = static_cast<int64_t>(Below(6)) + 1;
  draft.status = traits->status;
  draft.level = traits->level;
  draft.message = traits->needs_message ? "a remark" : Pick(kMessages);
  draft.payload = Payload(draft.kind);
  draft.actor = Pick({"ann", "ben", "timer"});
  draft.occurred_at_micros = Time();
  return draft;
}

std::optional<int64_t> RandomEvents::Time() {
  constexpr int64_t kHour = 3'600'000'000;
  const uint64_t way = times_() % 100;
  if (around_micros_ == 0 || way < 20) return std::nullopt;
  if (way < 23) return static_cast<int64_t>(times_() % 3) - 1;
  if (way < 25) return int64_t{-62'135'596'800'000'000};  // 0001-01-01T00:00:00Z
  if (way < 27) return around_micros_ + 1'000 * kHour;
  return around_micros_ - static_cast<int64_t>(times_() % kHour) +
         static_cast<int64_t>(times_() % (kHour / 10));
}

// Now and then a double of any bits at all, else one that fits.
std::string RandomEvents::Figure() {
  if (Happens(8)) return Pick(kAbsurdFigures);
  if (Happens(30)) return std::to_string(Below(100));
  double figure = static_cast<double>(Below(1'000'000)) / 9973.0;
  if (Happens(15)) figure = std::bit_cast<double>(random_());
  if (!std::isfinite(figure)) figure = 0.1;
  char text[40];
  std::snprintf(text, sizeof(text), "%.17g", figure);
  return text;
}

std::string RandomEvents::ProgressPayload() {
  std::string payload = R"({"unit":"frames")";
  if (Happens(60)) payload += ",\"current\":" + Figure();
  if (Happens(40)) payload += ",\"total\":" + Figure();
  if (Happens(30)) payload += ",\"percent\":" + Figure();
  return payload + "}";
}

std::string RandomEvents::Payload(EventType type) {
  switch (type) {
    case EventType::kJobCreated:
      return Pick(kJobPayloads);
    case EventType::kStageProgress:
      return Happens(90) ? ProgressPayload() : "";
    case EventType::kGatePause:
      return Pick(kGatePayloads);
    case EventType::kGateApproved:
    case EventType::kGateRejected:
    case EventType::kGateAutoApproved:
    case EventType::kGateExpired:
      return Pick(kDecisionPayloads);
    default:
      return Happens(10) ? R"({"frames":[1,2.50,{"deep":"}\""}]})" : "";
  }
}

}  // namespace stagelog
