#include "core/dialect/open_lineage_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/name_uuid.h"
#include "base/text.h"
#include "core/dialect/member_lookup.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/text_line.h"

namespace stagelog {
namespace {

constexpr size_t kMaxNameBytes = 91;  // 128 without a hyphen and the id of a run
constexpr size_t kRunIdBytes = 36;

// What each eventType means for a job and for a stage.
struct Meaning {
  std::string_view event_type;
  std::string_view of_job;
  std::string_view of_stage;
};
constexpr std::array<Meaning, 6> kMeanings = {{
    {"START", "job_started", "stage_started"},
    {"RUNNING", "x-openlineage.running", "x-openlineage.running"},
    {"COMPLETE", "job_completed", "stage_completed"},
    {"FAIL", "job_failed", "stage_failed"},
    {"ABORT", "job_canceled", "stage_failed"},
    {"OTHER", "x-openlineage.other", "x-openlineage.other"},
}};

tl::unexpected<Refusal> MissingInRun(const std::string& field) {
  return tl::unexpected(Refusal{.code = "missing_field",
                                .detail = "a run event of OpenLineage has a '" + field + "'",
                                .field = field});
}

tl::unexpected<Refusal> WrongInRun(const std::string& field, const std::string& rule) {
  return tl::unexpected(
      Refusal{.code = "invalid_field", .detail = "'" + field + "' " + rule, .field = field});
}

// A run as its own events and those of its children name it.
struct RunName {
  std::string run_id;
  std::string job_name;
};

std::optional<RunName> RunNameOf(const MemberLookup& holder) {
  RunName name{holder.In("run").Text("runId"), holder.In("job").Text("name")};
  if (name.run_id.empty() || name.job_name.empty()) return std::nullopt;
  return name;
}

// A part of a path or of an id: what is not allowed becomes a hyphen.
std::string Sanitized(std::string_view text, bool with_slashes) {
  std::string name(text.substr(0, kMaxNameBytes));
  for (char& c : name) {
    const bool is_fine = IsAlphanumeric(c) || c == '.' || c == '_' || c == '-';
    if (!is_fine && !(with_slashes && c == '/')) c = '-';
  }
  // Nothing that is named begins with a mark.
  if (!IsAlphanumeric(name.front())) name.front() = 'x';
  return name;
}

std::string JobIdOf(const RunName& run) {
  return Sanitized(run.job_name, false) + "-" + Sanitized(run.run_id, false);
}

std::string StageOf(std::string_view name, const RunName& parent) {
  const std::string prefix = parent.job_name + ".";
  if (name.starts_with(prefix) && name.size() > prefix.size()) name.remove_prefix(prefix.size());
  return Sanitized(name, false);
}

// One event of ours, not closed.
std::string EventText(std::string_view type, const std::string& job_id, const std::string& event_id,
                      const std::string& time) {
  std::string event;
  AppendJsonMember(event, "type", JsonString(type));
  AppendJsonMember(event, "job_id", JsonString(job_id));
  AppendJsonMember(event, "event_id", JsonString(event_id));
  AppendJsonMember(event, "occurred_at", JsonString(time));
  return event;
}

}  // namespace

tl::expected<DecodedBody, Refusal> DecodeOpenLineage(std::string_view body,
                                                     const DraftOrigin& origin) {
  const std::string_view text = Trimmed(WithoutByteOrderMark(body));
  if (auto refusal = CheckEventSize(text)) return tl::unexpected(std::move(*refusal));
  auto members = ReadJsonObject(text, kMaxJsonDepth);
  if (!members) return tl::unexpected(std::move(members.error()));
  const MemberLookup event(std::move(*members));
  const std::optional<RunName> run = RunNameOf(event);
  if (!run)
    return MissingInRun(event.Find("run") == nullptr ? "run" : "run.runId' and a 'job.name");
  const bool is_uuid = run->run_id.size() == kRunIdBytes &&
                       std::all_of(run->run_id.begin(), run->run_id.end(),
                                   [](char c) { return IsAlphanumeric(c) || c == '-'; });
  if (!is_uuid) return WrongInRun("run.runId", "must be a UUID");
  const std::string time = event.Text("eventTime");
  if (time.empty()) return MissingInRun("eventTime");
  const std::string type = event.Find("eventType") == nullptr ? "OTHER" : event.Text("eventType");
  const auto meaning = std::find_if(kMeanings.begin(), kMeanings.end(),
                                    [&](const Meaning& row) { return row.event_type == type; });
  if (meaning == kMeanings.end()) {
    return WrongInRun("eventType", "must be START, RUNNING, COMPLETE, ABORT, FAIL or OTHER");
  }
  const MemberLookup facets = event.In("run").In("facets");
  const MemberLookup parent_facet = facets.In("parent");
  const std::optional<RunName> parent = RunNameOf(parent_facet);
  const std::optional<RunName> root = RunNameOf(parent_facet.In("root"));
  const std::string job_id = JobIdOf(root ? *root : parent ? *parent : *run);
  const std::string identity = "openlineage\n" + run->run_id + "\n" + type + "\n" + time;
  std::vector<std::string> ours;
  if (type == "START" && !parent) {
    std::string payload;
    AppendJsonMember(payload, "pipeline", JsonString(QuotableText(run->job_name, 128)));
    std::string created =
        EventText("job_created", job_id, UuidOfName(identity + "\ncreated"), time);
    AppendJsonMember(created, "payload", payload + "}");
    ours.push_back(std::move(created));
  }
  std::string main =
      EventText(parent ? meaning->of_stage : meaning->of_job, job_id, UuidOfName(identity), time);
  if (parent) {
    AppendJsonMember(main, "stage", JsonString(StageOf(run->job_name, *parent)));
    if (type == "ABORT") AppendJsonMember(main, "status", "\"canceled\"");
  }
  const std::string message = facets.In("errorMessage").Text("message");
  if (!message.empty()) AppendJsonMember(main, "message", JsonString(message));
  std::string payload;
  AppendJsonMember(payload, "x-openlineage", CompactJson(text));
  AppendJsonMember(main, "payload", payload + "}");
  ours.push_back(std::move(main));
  DecodedBody decoded{.drafts = {}, .is_batch = true, .where = {.is_array = true}};
  for (const std::string& one : ours) {
    auto draft = DecodeDraft(one + "}", origin);
    if (!draft) return tl::unexpected(std::move(draft.error()));
    decoded.where.places.push_back(static_cast<int64_t>(decoded.drafts.size()));
    decoded.drafts.push_back(std::move(*draft));
  }
  return decoded;
}

}  // namespace stagelog
