// Maps values of other programs' lines to the parts of an event.
#ifndef STAGELOG_CLI_SEND_FIELD_MAPPING_H_
#define STAGELOG_CLI_SEND_FIELD_MAPPING_H_

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/send/foreign_line.h"
#include "cli/send/local_zone.h"
#include "cli/send/time_format.h"
#include "client/exit_code.h"
#include "core/level_words.h"

namespace stagelog::cli {

enum class Part { kJob, kType, kTime, kStage, kGate, kLevel, kMessage, kId };
inline constexpr size_t kPartCount = 8;

struct PartFlag {
  Part part;
  const char* flag;  // "--job-field"
  const char* what;
};
// In the order of Part.
const std::array<PartFlag, kPartCount>& PartFlags();

// The paths (foreign_line.h) at which to look for a part; the first one present is used.
using PartPaths = std::array<std::vector<std::string>, kPartCount>;

struct FieldMapping {
  std::string job;   // of lines that name none
  std::string type;  // of lines that name none
  PartPaths paths;
  std::map<std::string, std::string> types;   // theirs -> ours
  std::map<std::string, std::string> levels;  // theirs -> ours
  const LevelScale* level_scale = nullptr;
  std::optional<TimeFormat> time_format;
  std::optional<LocalZone> time_zone;  // of times that name none; empty: UTC, which is reported
  std::string preset;                  // the name of one whose paths are among these
  PartPaths preset_paths;
  std::map<std::string, std::string> preset_types;
  // Paths and values (case-insensitive): a completed stage or job in a line with one of them has
  // failed.
  std::vector<std::pair<std::string, std::string>> failures;
  std::vector<std::pair<std::string, std::string>> preset_failures;
  // Likewise: the stage of a line with one of them never ran.
  std::vector<std::pair<std::string, std::string>> preset_skips;
  // Where the line of a failed stage or job says why.
  std::vector<std::string> preset_causes;

  const std::vector<std::string>& Of(Part part) const { return paths[static_cast<size_t>(part)]; }
  std::vector<std::string>& Of(Part part) { return paths[static_cast<size_t>(part)]; }

  // The place of `part` in `line`. Paths given explicitly precede the preset's. Of a time one that
  // is no zero time (text_time.h) comes first, wherever it stands.
  std::optional<ForeignLine::Place> Find(ForeignLine& line, Part part) const;

  // One of `failures` or `preset_failures` is about the line.
  bool HasFailed(ForeignLine& line) const;
  bool IsSkipped(ForeignLine& line) const;

  // A journal's own lines need none of it.
  bool empty() const;
};

// Adds the mapping of the preset `name`. What `mapping` already has precedes it: a part with a path
// of its own, and a job or a type that was given (then lines are not asked for theirs). kUsage for
// an unknown name.
CliStatus ApplyPreset(const std::string& name, FieldMapping& mapping);
std::vector<std::string_view> PresetNames();

// "theirs=ours", several separated by commas. kUsage for another form, for a type that is none of
// ours, and for two meanings of one type.
CliStatus AddTypes(const std::string& text, FieldMapping& mapping);

// How lines inside those of a container's runtime are read (container_line.h).
struct ContainerMapping {
  explicit ContainerMapping(const FieldMapping& mapping);

  FieldMapping inner;  // a JSON object that the program printed: by default the preset json
  FieldMapping outer;  // what the runtime says
};

// kUsage unless `type` can be that of an event: one of ours that is stored, or x-...; `flag` is
// what named it.
CliStatus CheckType(const std::string& flag, const std::string& type);

// Whether the value at `place` is a time that stands for none (text_time.h).
bool HasZeroTime(const ForeignLine::Place& place);
// Whether the value at `path` of `line` is `value`; case does not count.
bool HasValue(ForeignLine& line, const std::string& path, const std::string& value);

// "theirs=ours", several separated by commas. kUsage for another form, for what is no level, and
// for two meanings of one word.
CliStatus AddLevels(const std::string& text, FieldMapping& mapping);

// "field=value", several separated by commas. kUsage for another form.
CliStatus AddFailures(const std::string& text, FieldMapping& mapping);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_FIELD_MAPPING_H_
