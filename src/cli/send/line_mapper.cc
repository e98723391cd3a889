#include "cli/send/line_mapper.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "base/base64.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "cli/send/legal_name.h"
#include "cli/send/line_fields.h"
#include "cli/send/lone_surrogate.h"
#include "cli/send/text_time.h"
#include "cli/send/time_object.h"
#include "core/draft_decoder.h"
#include "core/identifier.h"
#include "core/json_text.h"
#include "core/vocabulary.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxStandInBytes = 4'096;  // of a line that is shown for want of a message

// "warn" of "warning": nothing is lost when it is spelled out.
bool IsAbbreviation(const std::string& word, const std::string& of) {
  return !word.empty() && of.starts_with(LowerCase(word));
}

std::string_view WithoutNuls(std::string_view text) {
  return Trimmed(text, std::string_view("\0", 1));
}

std::string_view WithoutLineEnd(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// "Europe/Berlin" of "2026-11-20T09:15:00[Europe/Berlin]".
std::string ZoneNameOf(const std::string& text) {
  const size_t open = text.find('[');
  const size_t close = text.find(']', open == std::string::npos ? 0 : open);
  const bool is_zone = open != std::string::npos && close != std::string::npos &&
                       ParseForeignTime(text.substr(0, open)).has_value();
  return is_zone ? QuotableText(text.substr(open + 1, close - open - 1), 80) : "";
}

// A heartbeat is a sign of life now, and the daemon would not keep it.
std::string TypeNamed(const std::string& text) {
  const bool is_ours = FindType(text) != nullptr && text != "heartbeat";
  return is_ours ? text : LegalTypeName(text);
}

// Bits of MappedLine::counted, behind one for each Part.
constexpr uint32_t kIsObject = 1U << kPartCount;
constexpr uint32_t kHasNoZone = kIsObject << 1;
constexpr uint32_t kHasNoYear = kIsObject << 2;
constexpr uint32_t kHasUnknownLevel = kIsObject << 3;
constexpr uint32_t kIsLoneBracket = kIsObject << 4;
constexpr uint32_t kIsRepaired = kIsObject << 5;

constexpr uint32_t BitOf(Part part) { return 1U << static_cast<uint32_t>(part); }

bool IsEnd(const std::string& type) { return type == "stage_completed" || type == "job_completed"; }

bool IsBelowError(const std::string& level) {
  return level == "debug" || level == "info" || level == "warning";
}

// What to do about a type that needs a stage, or a gate, in a line that has none.
std::string Remedy(const Refusal& refusal, const FieldMapping& mapping) {
  if (refusal.code != "missing_field") return "";
  for (const Part part : {Part::kStage, Part::kGate}) {
    const std::string flag = PartFlags()[static_cast<size_t>(part)].flag;
    if (flag != "--" + refusal.field + "-field") continue;
    if (mapping.Of(part).empty()) return "; name its field with " + flag;
    return ", and the line has no field '" + QuotableText(mapping.Of(part).front(), 80) +
           "'; a second " + flag + " names another place to look";
  }
  return "";
}

tl::expected<EventDraft, Refusal> Decoded(std::string_view event) {
  return DecodeDraft(event, {"", "import"});
}

}  // namespace

CliStatus CheckEvent(std::string_view event) {
  const auto draft = Decoded(event);
  return draft ? CliStatus() : Fail(ExitCode::kUsage, draft.error().detail);
}

// One line on its way to an event.
class LineReading {
 public:
  LineReading(LineMapper& mapper, std::string_view line, const std::string& own_id,
              const ContainerLine* container = nullptr)
      : mapper_(mapper),
        mapping_(mapper.mapping_),
        line_(line),
        content_(WithoutNuls(line)),
        nul_bytes_(line.size() - content_.size()),
        container_(container),
        fields_(mapping_, mapper.inside_, content_, container),
        id_(own_id) {}

  CliResult<MappedLine> Read() {
    mapper_.levels_.BeginLine();
    if (fields_.object() != nullptr) {
      for (const PartFlag& flag : PartFlags()) {
        if (CliStatus taken = Take(flag.part); !taken) return tl::unexpected(taken.error());
      }
    }
    if (fields_.is_object()) counted_ |= kIsObject;
    const bool is_repaired = (fields_.line() != nullptr && fields_.line()->is_repaired()) ||
                             (container_ != nullptr && container_->is_repaired);
    if (is_repaired) counted_ |= kIsRepaired;
    if (fields_.line() == nullptr) TakeText();
    if (job_.empty()) job_ = mapping_.job;
    if (job_.empty()) {
      return Fail(ExitCode::kUsage, "no job id; give --job or --job-field");
    }
    SettleType();
    if (fields_.object() != nullptr) KeepTheRest();
    return Finish();
  }

  std::string ReadTime() {
    if (const auto found = fields_.Find(Part::kTime)) {
      if (!SetTime(found->place)) return "";
    }
    if (fields_.line() == nullptr) {
      if (time_.empty()) SetTimeOfText(content_);
      return time_;
    }
    const auto message = fields_.Find(Part::kMessage);
    if (time_.empty() && message) SetTimeOfText(TextOfScalar(*message->place.member));
    return time_;
  }

 private:
  CliStatus Take(Part part) {
    const auto found = fields_.Find(part);
    const bool is_text = part == Part::kMessage && fields_.is_text_named();
    if (found || is_text) {
      counted_ |= BitOf(part);
      mapper_.counts_.found[static_cast<size_t>(part)] = true;
    }
    if (!found) return {};
    const ForeignLine::Place* place = &found->place;
    const std::string text = TextOfScalar(*place->member);
    if (text.empty()) return {};
    bool is_kept_whole = true;  // the event says all that the member said
    switch (part) {
      case Part::kJob:
        is_kept_whole = SetName(job_, LegalJobId(text), text);
        break;
      case Part::kStage:
        is_kept_whole = SetName(stage_, LegalStagePath(text), text);
        break;
      case Part::kGate:
        is_kept_whole = SetName(gate_, LegalName(text), text);
        break;
      case Part::kId:
        is_kept_whole = SetName(id_, LegalEventId(text), text);
        has_derived_id_ = false;
        break;
      case Part::kType:
        is_kept_whole = SetType(text);
        break;
      case Part::kMessage:
        is_kept_whole = SetMessage(*place->member);
        break;
      case Part::kLevel: {
        auto level = ReadLevel(*found, text);
        if (!level && !mapper_.keeps_unknown_levels_) return tl::unexpected(level.error());
        if (!level) {
          unknown_level_ = level.error().message;
          counted_ |= kHasUnknownLevel;
        } else {
          level_ = std::move(*level);
        }
        is_kept_whole = IsAbbreviation(text, level_);
        level_member_ = place->member;
        break;
      }
      case Part::kTime: {
        const auto has_zone = SetTime(*place);
        if (!has_zone) return tl::unexpected(has_zone.error());
        is_kept_whole = *has_zone;
        break;
      }
    }
    if (is_kept_whole && place->is_top) consumed_.insert(place->member);
    return {};
  }

  static bool SetName(std::string& target, std::string name, const std::string& original) {
    target = std::move(name);
    return target == original;
  }

  CliResult<std::string> ReadLevel(const LineFields::Found& found, const std::string& text) {
    const auto mapped = mapping_.levels.find(text);
    if (mapped == mapping_.levels.end()) return mapper_.levels_.Read(*found.line, found.place);
    mapper_.counts_.used_levels.insert(text);
    return mapped->second;
  }

  bool SetType(const std::string& text) {
    their_type_ = text;
    for (const auto* table : {&mapping_.types, &mapping_.preset_types}) {
      const auto found = table->find(text);
      if (found == table->end()) continue;
      mapper_.counts_.used_types.insert(text);
      type_ = found->second;
      if (table == &mapping_.preset_types) preset_type_ = text;
      return type_ == text;
    }
    type_ = TypeNamed(text);
    return type_ == text || type_ == "x-" + text;
  }

  // Whether the event says all that the member does.
  bool SetMessage(const JsonMember& member) {
    const auto text = TextOfArray(member);
    if (!text) {
      message_ = WithoutLineEnd(TextOfScalar(member));
      return true;
    }
    message_ = WithoutLineEnd(SanitizeUtf8(*text));
    const bool is_bytes = member.raw.find('"') == std::string::npos;
    return is_bytes && IsUtf8(*text);
  }

  // Whether the event says all that the member does: it named its zone, and its year.
  CliResult<bool> SetTime(const ForeignLine::Place& place) {
    const JsonMember& member = *place.member;
    if (HasZeroTime(place)) return false;
    if (member.kind == JsonMember::Kind::kObject) {
      const auto time = TimeOfObject(member.raw);
      if (time) KeepTime(*time);
      return false;
    }
    const std::string text = TextOfScalar(member);
    std::optional<ForeignTime> time;
    const auto& format = mapping_.time_format;
    if (format) time = format->Parse(text, mapper_.now_micros_);
    const bool has_year = !time || format->has_year();
    if (!time) time = ParseForeignTime(text);
    if (!time) {
      const std::string unlikely = UnlikelyTimeText(text);
      if (!unlikely.empty()) {
        return Fail(ExitCode::kProblem, "invalid time '" + QuotableText(text, 80) +
                                            "': the number " + unlikely +
                                            "; convert it first, or give the format of a date in "
                                            "digits with --time-format");
      }
      if (const std::string zone = ZoneNameOf(text); !zone.empty()) {
        return Fail(ExitCode::kProblem,
                    "invalid time '" + QuotableText(text, 80) + "': the zone '" + zone +
                        "' has no offset before it, and times are not looked up by zone names; "
                        "convert them first (2026-03-01T10:00:00+01:00[Europe/Berlin] is read)");
      }
      const bool names_zone = format && format->text().find("%Z") != std::string::npos;
      return Fail(
          ExitCode::kProblem,
          "invalid time '" + QuotableText(text, 80) + "': expected " +
              (format ? "'" + QuotableText(format->text(), 80) + "' (--time-format), " : "") +
              "RFC 3339, Unix seconds, milliseconds, microseconds or nanoseconds" +
              (format ? "" : "; for other formats use --time-format") +
              (names_zone ? "; %Z reads the zones UTC, GMT and Z only, as other names (CEST, IST) "
                            "are ambiguous: convert them to an offset for %z, or "
                            "leave the name out of the time and give --time-zone"
                          : ""));
    }
    if (!has_year) counted_ |= kHasNoYear;
    KeepTime(*time);
    return time->has_zone && has_year;
  }

  // Of a line that names none.
  void SetTimeOfText(std::string_view text) {
    const auto leading = FindLeadingTime(text);
    if (!leading) return;
    KeepTime(leading->time);
  }

  void KeepTime(const ForeignTime& time) {
    const bool is_local = !time.has_zone && mapper_.zone_.has_value();
    if (!time.has_zone && !is_local) counted_ |= kHasNoZone;
    time_ = FormatTimestamp(is_local ? mapper_.zone_->ToUtc(time.micros) : time.micros);
  }

  void KeepTheRest() {
    KeepRestOf(fields_.line(), false);
    KeepRestOf(fields_.about(), true);
    if (fields_.line() == nullptr) return;
    if (nul_bytes_ > 0)
      AppendJsonMember(payload_, FreeKey("nul_bytes"), std::to_string(nul_bytes_));
    if (fields_.line()->has_duplicates())
      AppendJsonMember(payload_, FreeKey("raw"), JsonString(content_));
  }

  void KeepRestOf(const ForeignLine* line, bool is_about) {
    if (line == nullptr) return;
    const std::vector<JsonMember>& members = line->members();
    for (size_t i = 0; i < members.size(); ++i) {
      if (consumed_.contains(&members[i]) || line->IsSuperseded(i)) continue;
      const std::string& key = members[i].key;
      AppendJsonMember(payload_, is_about ? FreeKey(key) : key, members[i].raw);
    }
  }

  // A key that the line itself does not use.
  std::string FreeKey(std::string key) {
    while (fields_.line() != nullptr && fields_.line()->has_key(key)) key += '_';
    return key;
  }

  void TakeText() {
    const bool is_docker = container_ != nullptr && container_->is_docker;
    if (!is_docker) type_ = "log";
    message_ = SanitizeUtf8(content_);
    const size_t first = content_.find_first_not_of(" \t");
    const std::string_view word = first == content_.npos ? content_ : content_.substr(first);
    if (container_ == nullptr && (word == "{" || word == "[")) counted_ |= kIsLoneBracket;
    if (container_ != nullptr && line_.empty()) {
      message_ = " ";  // a log needs a message
      AppendJsonMember(payload_, "blank", "true");
    } else if (content_.empty()) {
      message_ = std::to_string(nul_bytes_) + " NUL bytes";
    }
    if (container_ != nullptr && !container_->is_whole()) {
      AppendJsonMember(payload_, "part", std::to_string(container_->part));
      AppendJsonMember(payload_, "continues", container_->is_ended ? "false" : "true");
    }
    if (nul_bytes_ > 0) AppendJsonMember(payload_, "nul_bytes", std::to_string(nul_bytes_));
    if (!IsUtf8(content_)) AppendJsonMember(payload_, "raw_base64", JsonString(Base64(content_)));
  }

  // The type, by what came before and by how a stage or job has ended.
  void SettleType() {
    if (type_.empty()) type_ = TypeWithoutName();
    ForeignLine* object = fields_.object();
    const bool has_failed = object != nullptr && IsEnd(type_) && mapping_.HasFailed(*object);
    LeaveOutSkipped();
    LeaveOutRepetition();
    const bool is_end = IsEnd(type_);
    if (object != nullptr) mapper_.counts_.AddFailures(mapping_, *object, is_end);
    if (has_failed && is_end) type_ = type_ == "job_completed" ? "job_failed" : "stage_failed";
    mapper_.counts_.AddType(type_, their_type_);
    if (!has_failed) return;
    if (!is_end && level_.empty()) level_ = "error";
    if (IsBelowError(level_)) {
      level_ = "error";
      consumed_.erase(level_member_);  // what the line says stays in the payload
    }
    if (!mapping_.Of(Part::kMessage).empty()) return;
    for (const std::string& path : mapping_.preset_causes) {
      const auto place = object->Find(path);
      const std::string cause = place ? TextOfScalar(*place->member) : "";
      if (cause.empty()) continue;
      message_ = WithoutLineEnd(cause);
      return;
    }
  }

  CliResult<MappedLine> Finish() {
    if (time_.empty()) SetTimeOfText(message_);
    if (time_.empty()) time_ = mapper_.last_time_;
    if (!unknown_level_.empty()) {
      const TypeTraits* traits = FindType(type_);
      if (type_ == "log" || traits == nullptr || traits->level.empty()) level_ = "info";
    } else if (level_.empty() && type_ == "log") {
      level_ = mapper_.levels_.ReadText(message_);
    }
    // A log without a text would be refused, and the line is the best there is to read.
    if (message_.empty() && type_ == "log") message_ = QuotableText(content_, kMaxStandInBytes);
    std::string event = Encode(payload_.empty() ? "" : payload_ + "}");
    auto draft = Decoded(event);
    const bool is_payload_wrong = !draft && draft.error().field.starts_with("payload");
    if (is_payload_wrong && fields_.object() != nullptr) {
      // A gate takes no key that it does not know, but for those that begin with "x-".
      const char* key = type_.starts_with("gate_") ? "x-line" : "line";
      event = Encode("{\"" + std::string(key) + "\":" + payload_ + "}}");
      draft = Decoded(event);
    }
    if (!draft) {
      return Fail(ExitCode::kUsage, draft.error().detail + Remedy(draft.error(), mapping_));
    }
    mapper_.last_time_ = time_;
    Count();
    return MappedLine{std::move(event), job_,     type_,         time_,
                      has_derived_id_,  counted_, unknown_level_};
  }

  void Count() {
    MappingCounts& counts = mapper_.counts_;
    ++counts.lines;
    if (fields_.is_object()) counts.AddObject(*fields_.object());
    for (size_t i = 0; i < kPartCount; ++i) {
      if ((counted_ & (1U << i)) != 0) ++counts.matched[i];
    }
    if ((counted_ & kHasNoZone) != 0) ++mapper_.times_without_zone_;
    if ((counted_ & kHasNoYear) != 0) ++mapper_.times_without_year_;
    if ((counted_ & kHasUnknownLevel) != 0) ++mapper_.unknown_levels_;
    if ((counted_ & kIsLoneBracket) != 0) ++mapper_.lone_brackets_;
    if ((counted_ & kIsRepaired) != 0) ++mapper_.repaired_;
    mapper_.levels_.CountLine();
  }

  // The end of a stage that a preset tells to be skipped, where nothing started it.
  void LeaveOutSkipped() {
    if (preset_type_.empty() || type_ != "stage_completed") return;
    const auto known = mapper_.preset_stages_.find({job_, stage_});
    const bool is_running = known != mapper_.preset_stages_.end() && known->second.is_running;
    if (!is_running && mapping_.IsSkipped(*fields_.object())) type_ = TypeNamed(preset_type_);
  }

  // The second start of a stage that runs, or end of one that has ended, by another type of a
  // preset: both tell of the same.
  void LeaveOutRepetition() {
    const bool is_start = type_ == "stage_started";
    if (preset_type_.empty() || stage_.empty() || (!is_start && type_ != "stage_completed")) return;
    LineMapper::PresetStage& stage = mapper_.preset_stages_[{job_, stage_}];
    const bool is_known = !stage.type.empty() && stage.is_running == is_start;
    if (is_known && stage.type != preset_type_) {
      type_ = TypeNamed(preset_type_);
      return;
    }
    stage = {is_start, preset_type_};
  }

  std::string TypeWithoutName() const {
    return mapping_.type.empty() ? "log" : TypeNamed(mapping_.type);
  }

  std::string Encode(const std::string& payload) const {
    std::string event = "{\"job_id\":" + JsonString(job_);
    const auto add = [&event](const char* key, const std::string& value) {
      if (!value.empty()) event += std::string(",\"") + key + "\":" + JsonString(value);
    };
    add("event_id", id_);
    add("type", type_);
    add("occurred_at", time_);
    add("stage", stage_);
    add("gate", gate_);
    add("level", level_);
    add("message", message_);
    if (!payload.empty()) event += ",\"payload\":" + payload;
    return event + "}";
  }

  LineMapper& mapper_;
  const FieldMapping& mapping_;
  const std::string_view line_;
  const std::string_view content_;
  const size_t nul_bytes_;          // before and behind the content
  const ContainerLine* container_;  // null: none
  LineFields fields_;
  std::set<const JsonMember*> consumed_;
  std::string job_;
  std::string type_;
  std::string time_;
  std::string stage_;
  std::string gate_;
  std::string level_;
  std::string message_;
  std::string id_;
  std::string payload_;  // without its last bracket
  const JsonMember* level_member_ = nullptr;
  std::string their_type_;
  std::string preset_type_;  // theirs, where a preset gave the type
  std::string unknown_level_;
  bool has_derived_id_ = true;
  uint32_t counted_ = 0;
};

CliResult<MappedLine> LineMapper::Map(std::string_view line, const std::string& own_id) {
  return LineReading(*this, line, own_id).Read();
}

CliResult<MappedLine> LineMapper::Map(const ContainerLine& line, const std::string& own_id) {
  return LineReading(*this, line.text, own_id, &line).Read();
}

std::string LineMapper::TimeOf(std::string_view line) {
  if (const auto container = ReadContainerLine(line, reads_docker())) {
    return LineReading(*this, container->text, "", &*container).ReadTime();
  }
  return LineReading(*this, line, "").ReadTime();
}

void LineMapper::Uncount(uint32_t counted) {
  --counts_.lines;
  if ((counted & kIsObject) != 0) --counts_.objects;
  for (size_t i = 0; i < kPartCount; ++i) {
    if ((counted & (1U << i)) != 0) --counts_.matched[i];
  }
  if ((counted & kHasNoZone) != 0) --times_without_zone_;
  if ((counted & kHasNoYear) != 0) --times_without_year_;
  if ((counted & kHasUnknownLevel) != 0) --unknown_levels_;
  if ((counted & kIsLoneBracket) != 0) --lone_brackets_;
  if ((counted & kIsRepaired) != 0) --repaired_;
}

std::vector<std::string> LineMapper::Remarks() const {
  std::vector<std::string> remarks = levels_.Remarks();
  const auto add = [&](int64_t count, const std::string& what) {
    if (count == 0) return;
    remarks.push_back(std::to_string(count) + (count == 1 ? " time has" : " times have") + what);
  };
  add(times_without_zone_, " no zone; assumed UTC");
  add(times_without_year_, " no year; assumed the last twelve months");
  if (unknown_levels_ > 0) {
    remarks.push_back(std::to_string(unknown_levels_) +
                      (unknown_levels_ == 1 ? " line has" : " lines have") +
                      " an unknown level and became info; the original is in the payload");
  }
  if (repaired_ > 0) remarks.push_back(LoneSurrogatesText(repaired_));
  if (lone_brackets_ > 0) {
    remarks.push_back("warning: " + std::to_string(lone_brackets_) +
                      (lone_brackets_ == 1 ? " line is" : " lines are") +
                      " only '{' or '[', and what follows is not JSON (NaN, a comma too many, a "
                      "part missing?); its lines became logs. jq . FILE names the place");
  }
  const int64_t texts = counts_.lines - counts_.objects;
  if (texts > 0 && counts_.objects > 0) {
    remarks.push_back(std::to_string(texts) + (texts == 1 ? " line is" : " lines are") +
                      " not a JSON object and became " + (texts == 1 ? "a log" : "logs"));
  }
  return remarks;
}

}  // namespace stagelog::cli
