#include "core/dialect/open_lineage_decoder.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/name_uuid.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "core/dialect/member_lookup.h"
#include "core/dialect/open_lineage.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/json_value.h"
#include "core/labels.h"
#include "core/text_line.h"

namespace stagelog {
namespace {

constexpr size_t kMaxNameBytes = 100;  // 128 with room for a digest
constexpr size_t kUuidBytes = 36;

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

// The id of a run is that of its job, whatever its name is and in which case it is spelled.
std::string JobIdOf(const RunName& run) { return LowerCase(run.run_id); }

// What is not allowed in a stage becomes a hyphen. A digest keeps such names, and those that are
// cut, apart.
std::string StageOf(std::string_view name, const RunName& job) {
  const std::string prefix = job.job_name + ".";
  if (name.starts_with(prefix) && name.size() > prefix.size()) name.remove_prefix(prefix.size());
  std::string stage(name.substr(0, kMaxNameBytes));
  for (char& c : stage) {
    if (!IsAlphanumeric(c) && c != '.' && c != '_' && c != '-') c = '-';
  }
  if (!IsAlphanumeric(stage.front())) stage.front() = 'x';
  return stage == name ? stage : stage + "-" + UuidOfName(name).substr(0, 8);
}

// 8-4-4-4-12 hex digits.
bool IsUuid(std::string_view text) {
  if (text.size() != kUuidBytes) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_hyphen_place = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = LowerCase(text[i]);
    const bool is_hex = IsDigit(c) || (c >= 'a' && c <= 'f');
    if (is_hyphen_place ? c != '-' : !is_hex) return false;
  }
  return true;
}

// What a run event says, checked.
struct LineageEvent {
  RunName run;
  std::optional<RunName> parent;
  std::optional<RunName> root;
  const Meaning* meaning = nullptr;
  std::string time;
  std::string error;
  Labels labels;  // the tags that can be labels
  std::string nominal_start;
  std::string nominal_end;

  const RunName& Job() const { return root ? *root : parent ? *parent : run; }
  // What an event_id of ours is made of.
  std::string Identity() const { return "openlineage\n" + LowerCase(run.run_id) + "\n"; }
};

// Of a key that is there twice the first counts.
Labels LabelsOf(const MemberLookup& tags_facet) {
  Labels labels;
  const JsonMember* tags = tags_facet.Find("tags");
  if (tags == nullptr || tags->kind != JsonMember::Kind::kArray) return labels;
  for (const nlohmann::json& tag : ParseJson(tags->raw)) {
    if (!tag.is_object() || labels.size() == kMaxLabels) continue;
    const auto key = tag.find("key");
    const auto value = tag.find("value");
    if (key == tag.end() || !key->is_string() || value == tag.end() || !value->is_string())
      continue;
    const std::string& name = key->get_ref<const std::string&>();
    const std::string& text = value->get_ref<const std::string&>();
    if (IsLabelKey(name) && IsLabelValue(text)) labels.emplace(name, text);
  }
  return labels;
}

// Empty where it is no time.
std::string TimeIn(const MemberLookup& facet, std::string_view key) {
  const std::string time = facet.Text(key);
  return ParseTimestamp(time) ? time : "";
}

tl::expected<LineageEvent, Refusal> ReadLineageEvent(const MemberLookup& members) {
  LineageEvent event;
  for (const char* name : {"run", "job"}) {
    if (members.Find(name) == nullptr) return MissingInRun(name);
  }
  const std::optional<RunName> run = RunNameOf(members);
  if (!run) {
    return MissingInRun(members.In("run").Text("runId").empty() ? "run.runId" : "job.name");
  }
  event.run = *run;
  event.time = members.Text("eventTime");
  if (event.time.empty()) return MissingInRun("eventTime");
  const bool has_type = members.Find("eventType") != nullptr;
  const std::string type = has_type ? members.Text("eventType") : "OTHER";
  const auto meaning = std::find_if(kMeanings.begin(), kMeanings.end(),
                                    [&](const Meaning& row) { return row.event_type == type; });
  if (meaning == kMeanings.end()) {
    return WrongInRun("eventType", "must be START, RUNNING, COMPLETE, ABORT, FAIL or OTHER");
  }
  event.meaning = &*meaning;
  const MemberLookup facets = members.In("run").In("facets");
  const MemberLookup parent = facets.In("parent");
  event.parent = RunNameOf(parent);
  event.root = event.parent ? RunNameOf(parent.In("root")) : std::nullopt;
  if (!IsUuid(event.run.run_id)) return WrongInRun("run.runId", "must be a UUID");
  for (const std::optional<RunName>& name : {event.parent, event.root}) {
    if (name && !IsUuid(name->run_id)) {
      return WrongInRun("run.facets.parent", "must name its runs by UUIDs");
    }
  }
  event.error = facets.In("errorMessage").Text("message");
  event.labels = LabelsOf(facets.In("tags"));
  event.nominal_start = TimeIn(facets.In("nominalTime"), "nominalStartTime");
  event.nominal_end = TimeIn(facets.In("nominalTime"), "nominalEndTime");
  return event;
}

// One event of ours, not closed. `what`: which of those that one run event makes.
std::string EventText(const LineageEvent& event, std::string_view type, const std::string& what) {
  std::string text;
  AppendJsonMember(text, "type", JsonString(type));
  AppendJsonMember(text, "job_id", JsonString(JobIdOf(event.Job())));
  AppendJsonMember(text, "event_id", JsonString(UuidOfName(event.Identity() + what)));
  AppendJsonMember(text, "occurred_at", JsonString(event.time));
  return text;
}

// A run is created once, however often it is started; with other tags or times it is another event.
std::string CreatedText(const LineageEvent& event) {
  std::string known;
  if (!event.labels.empty()) AppendJsonMember(known, "labels", EncodeLabels(event.labels));
  for (const auto& [key, time] : {std::pair(kNominalStartKey, &event.nominal_start),
                                  std::pair(kNominalEndKey, &event.nominal_end)}) {
    if (!time->empty()) AppendJsonMember(known, key, JsonString(*time));
  }
  std::string payload;
  AppendJsonMember(payload, "pipeline", JsonString(QuotableText(event.run.job_name, 128)));
  if (!known.empty()) payload += "," + known.substr(1);
  std::string text = EventText(event, "job_created", "created" + known);
  AppendJsonMember(text, "payload", payload + "}");
  return text + "}";
}

// `body`: all of the run event, which is kept.
std::string MainText(const LineageEvent& event, std::string_view body) {
  const Meaning& meaning = *event.meaning;
  // Facets add up: the same event with others is another one. The order of keys does not count.
  const std::string what = std::string(meaning.event_type) + "\n" + DumpJson(ParseJson(body));
  std::string text = EventText(event, event.parent ? meaning.of_stage : meaning.of_job, what);
  if (event.parent) {
    AppendJsonMember(text, "stage", JsonString(StageOf(event.run.job_name, event.Job())));
    if (meaning.event_type == "ABORT") AppendJsonMember(text, "status", "\"canceled\"");
  }
  if (!event.error.empty()) AppendJsonMember(text, "message", JsonString(event.error));
  std::string payload;
  AppendJsonMember(payload, "x-openlineage", CompactJson(body));
  AppendJsonMember(text, "payload", payload + "}");
  return text + "}";
}

}  // namespace

tl::expected<DecodedBody, Refusal> DecodeOpenLineage(std::string_view body,
                                                     const DraftOrigin& origin) {
  const std::string_view text = Trimmed(WithoutByteOrderMark(body));
  if (auto refusal = CheckEventSize(text)) return tl::unexpected(std::move(*refusal));
  auto members = ReadJsonObject(text, kMaxJsonDepth);
  if (!members) return tl::unexpected(std::move(members.error()));
  const auto event = ReadLineageEvent(MemberLookup(std::move(*members)));
  if (!event) return tl::unexpected(event.error());
  std::vector<std::string> ours;
  if (event->meaning->event_type == "START" && !event->parent) ours.push_back(CreatedText(*event));
  ours.push_back(MainText(*event, text));
  DecodedBody decoded{.drafts = {}, .is_batch = true, .where = {.is_array = true}};
  for (const std::string& one : ours) {
    auto draft = DecodeDraft(one, origin);
    if (!draft) {
      if (draft.error().field == "occurred_at") {
        return WrongInRun("eventTime", "must be an RFC 3339 time like 2026-11-21T07:41:02Z");
      }
      return tl::unexpected(std::move(draft.error()));
    }
    decoded.where.places.push_back(static_cast<int64_t>(decoded.drafts.size()));
    decoded.drafts.push_back(std::move(*draft));
  }
  return decoded;
}

}  // namespace stagelog
