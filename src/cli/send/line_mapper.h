// Maps lines of other programs to events.
#ifndef STAGELOG_CLI_SEND_LINE_MAPPER_H_
#define STAGELOG_CLI_SEND_LINE_MAPPER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/send/container_line.h"
#include "cli/send/field_mapping.h"
#include "cli/send/level_reader.h"
#include "cli/send/mapping_counts.h"
#include "client/exit_code.h"

namespace stagelog::cli {

struct MappedLine {
  std::string event;  // JSON for the daemon, judged by the daemon's own decoder
  std::string job_id;
  std::string type;
  std::string time;             // occurred_at; empty where it is unknown
  bool has_derived_id = false;  // the line has none: it is `own_id`
  uint32_t counted = 0;         // for LineMapper::Uncount()
  std::string unknown_level;    // what was wrong with its level; empty: nothing
};

// One thread at a time. The rules:
//  - a type is looked up in the table of types; one that is none of ours then, and a heartbeat,
//  which
//    the daemon would not keep, becomes x-<type>. Where a preset knows several types for the start
//    or the end of a stage, only the first one of a stage counts, the others become x-<type>, and
//    so does the end of a stage that was skipped and never started;
//  - the end of a stage or job that has failed has the level error at least, and with a preset that
//    knows where the cause stands, the cause as its message;
//  - a level is a word or a number (level_reader.h). That of a log whose line names none is looked
//    for where its text begins (text_level.h), and the text stays as it is. An unknown level is an
//    error, or (KeepUnknownLevels()) the level of the type, info where that has none;
//  - a time is read as ParseForeignTime() does, or by the format; without a zone it is of the zone
//  that
//    was named, or UTC. It may
//    be an object (time_object.h). That of a line that names none is looked for where its text
//    begins (text_time.h). A line without a time has that of the line before it, and those before
//    the first time have what BeginFile() says;
//  - names of jobs, stages and gates, and ids, are made legal (legal_name.h);
//  - members that stand for nothing, and those whose value was changed on the way, go into the
//    payload as they are spelled. Of a key that is given twice the last value counts; the line as
//    it was is then in the payload as "raw";
//  - what a payload of the type may not hold is put below "line" in the payload;
//  - the line of a container (container_line.h) is read as what the program printed; what the
//    runtime says counts where the program says nothing, and goes into the payload;
//  - half of a character (lone_surrogate.h) becomes U+FFFD, which is counted;
//  - a line that is no JSON object is a log with the line as its message ("raw_base64" in the
//  payload
//    has the bytes where they are no UTF-8; "nul_bytes" counts NULs before and behind it).
class LineMapper {
 public:
  // `now_micros` for times whose format has no year.
  LineMapper(const FieldMapping& mapping, int64_t now_micros)
      : mapping_(mapping),
        inside_(mapping),
        now_micros_(now_micros),
        zone_(mapping.time_zone),
        levels_(mapping.level_scale) {}

  // The event that `line` stands for; `own_id` is its id where it has none. kUsage, with what is
  // wrong, when it cannot be an event.
  CliResult<MappedLine> Map(std::string_view line, const std::string& own_id);

  // The same for the line of a container.
  CliResult<MappedLine> Map(const ContainerLine& line, const std::string& own_id);
  // Lines of Docker's are to be read as those of a container.
  bool reads_docker() const { return mapping_.preset == "docker"; }

  // Takes lines whose level is unknown, and counts them.
  void KeepUnknownLevels() { keeps_unknown_levels_ = true; }
  int64_t unknown_levels() const { return unknown_levels_; }

  // Starts another file. `first_time` is the occurred_at of lines before the first time; empty:
  // they have none.
  void BeginFile(std::string first_time = "") { last_time_ = std::move(first_time); }

  // The occurred_at that `line` itself has, empty where it has none that can be read. Counts
  // nothing.
  std::string TimeOf(std::string_view line);

  // A mapped line was not sent after all: removes it from the counts.
  void Uncount(uint32_t counted);

  const MappingCounts& counts() const { return counts_; }
  // What was assumed and guessed, a sentence each.
  std::vector<std::string> Remarks() const;

 private:
  friend class LineReading;

  struct PresetStage {
    bool is_running = false;
    std::string type;  // theirs
  };

  const FieldMapping& mapping_;
  const ContainerMapping inside_;
  const int64_t now_micros_;
  std::optional<LocalZone> zone_;
  LevelReader levels_;
  MappingCounts counts_;
  std::string last_time_;
  int64_t times_without_zone_ = 0;
  int64_t times_without_year_ = 0;
  bool keeps_unknown_levels_ = false;
  int64_t unknown_levels_ = 0;
  int64_t repaired_ = 0;       // lines with halves of characters
  int64_t lone_brackets_ = 0;  // texts that JSON over several lines may begin with
  // By job and stage: the last start or end that a preset found.
  std::map<std::pair<std::string, std::string>, PresetStage> preset_stages_;
};

// Checks the form of `event` as the daemon does, but not against the journal's state. kUsage with
// the reason of a refusal.
CliStatus CheckEvent(std::string_view event);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_LINE_MAPPER_H_
